package calendar

import (
	"encoding/json"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// differing are the days on which we and the second source differ, and why we are content with it: by region, or by the
// beginning of a region's code and *; the names are ours where we have a day more, and the second source's where we have
// one less.
var differing = func() map[string]map[string]string {
	const (
		weekend  = "we close on a holiday that falls on a weekend, beside the day that stands for it"
		custom   = "no public holiday by law, but kept by most employers"
		parts    = "kept in a part of the country or the canton only; we close, and an override opens"
		notAll   = "kept in a part of the canton only; an override closes"
		moon     = "is announced a short time before, by the sight of the moon: an override closes"
		younger  = "the second source has not the law that is in force"
		ballot   = "a Sunday on which people vote"
		halfDays = "a part of the day"
	)
	return map[string]map[string]string{
		"*": {"obs ": weekend},
		"AU-*": {
			"Australia Day": weekend, "ANZAC Day": weekend, "Christmas Day": weekend, "Boxing Day": weekend,
			"New Year's Day": weekend,
		},
		"AR": {"Viernes Santo": younger},
		"BG": {"Коледа 2": younger, "2027-05-04": "1 May falls on the day before Easter, and is made up for behind it"},
		"BR": {"Carnaval": custom, "Corpus Christi": custom, "Dia de Eleição": ballot},
		"CA": {
			"Easter Monday": custom, "Victoria Day": parts, "Civic/Provincial Day": parts, "National Day for Truth": parts,
			"Thanksgiving Day": parts, "Remembrance Day": parts, "Boxing Day": parts,
		},
		"CH": {
			"Berchtoldstag": parts, "Heilige Drei Könige": parts, "Josefstag": parts, "Tag der Arbeit": parts,
			"Fronleichnam":      parts,
			"Mariä Himmelfahrt": parts, "Mariä Empfängnis": parts, "Allerheiligen": parts,
		},
		"CH-AG": {"Tag der Arbeit": notAll},
		"CH-AI": {"Mariä Empfängnis": parts, "Zweiter Weihnachtsfeiertag": parts},
		"CH-BL": {"Fronleichnam": parts, "Mariä Himmelfahrt": parts},
		"CH-FR": {"Tag der Arbeit": custom},
		"CH-GL": {"Heiliger Abend": halfDays, "Silvester": halfDays, "2027-04-": "is the first Thursday outside Holy Week"},
		"CH-GR": {
			"Heilige Drei Könige": parts, "Josefstag": parts, "Karfreitag": parts, "Fronleichnam": parts,
			"Mariä Himmelfahrt": parts,
			"Allerheiligen":     parts, "Mariä Empfängnis": parts,
		},
		"CH-LU": {"Josefstag": parts},
		"CH-SO": {"Tag der Arbeit": parts, "Pfingstmontag": custom, "Zweiter Weihnachtsfeiertag": custom, "Josefstag": notAll},
		"CH-UR": {"Zweiter Weihnachtsfeiertag": parts},
		"CH-VS": {"Lundi de Pentecôte": custom},
		"CH-ZG": {"Ostermontag": custom, "Pfingstmontag": custom, "Zweiter Weihnachtsfeiertag": custom},
		"CY": {
			"Καθαρά Δευτέρα":  "48 days before Easter it is a Monday; the second source has a Tuesday",
			"Αγίου Πνεύματος": "the Monday behind Whit Sunday, which the second source has alone",
		},
		"DK": {"Grundlovsdag": custom},
		"FI": {"Juhannusaatto": custom, "Jouluaatto": custom},
		"GB": {"Summer Bank Holiday": parts},
		"IS": {
			"Aðfangadagur": halfDays, "Gamlársdagur": halfDays,
			"Sumardagurinn fyrsti": "the first Thursday after 18 April is the 25th in 2030",
		},
		"KE": {"Idd-ul-Fitr": moon, "Idd-ul-Azha": moon, "Pasaka": "no public holiday by the Public Holidays Act"},
		"MW": {"Eid al Fitri": moon, "Christmas Boxing Day": younger},
		"MX": {"Transmisión del Poder Ejecutivo Federal": "on 1 October since 2024"},
		"NL": {
			"Goede Vrijdag":  custom,
			"Bevrijdingsdag": custom,
			"Koningsdag":     "on the Saturday before a Sunday; we close on both",
		},
		"RS": {"Dan državnosti": weekend, "Drugi dan": weekend, "Dan primirja": weekend},
		"SE": {"Midsommarafton": custom, "Julafton": custom, "Nyårsafton": custom},
		"SK": {"Deň víťazstva nad fašizmom": younger, "Sedembolestná Panna Mária": younger},
		"TH": {"Makha Bucha": moon, "Vesak Day": moon, "Asalha Puja": moon, "Buddhist Lent": moon},
		"UA": {
			"День міжнародної солідарності": weekend, "День захисників": weekend, "Різдво Христове": weekend,
			"Новий Рік": "2 January is no holiday by the Labour Code, article 73", "День Української Державності": younger,
		},
	}
}()

// The next five years of every region are those of a second source, but for differences that are named here.
func TestHolidaysAreThoseOfASecondSource(t *testing.T) {
	raw, err := os.ReadFile("testdata/holidays.json")
	require.NoError(t, err)
	var second struct{ Holidays map[string]map[string]string }
	require.NoError(t, json.Unmarshal(raw, &second))
	for region, list := range regions {
		theirs := second.Holidays[region]
		require.NotEmpty(t, theirs, "%s is in no second source", region)
		ours := map[string]string{}
		for year := 2025; year <= 2032; year++ {
			for _, h := range list {
				actual, observed := h.Calc(year)
				if !observed.IsZero() {
					ours[observed.Format(time.DateOnly)] = "obs " + h.Name
				}
				if !actual.IsZero() {
					ours[actual.Format(time.DateOnly)] = h.Name
				}
			}
		}
		for date, name := range theirs {
			if ours[date] == "" && !explained(region, name, date) {
				t.Errorf("%s lacks %s, %s", region, date, name)
			}
		}
		for date, name := range ours {
			if date > "2026" && date < "2032" && theirs[date] == "" && !explained(region, name, date) {
				t.Errorf("%s has %s, %s, which the second source has not", region, date, name)
			}
		}
	}
}

func explained(region, name, date string) bool {
	for which, names := range differing {
		if prefix, all := strings.CutSuffix(which, "*"); which != region && (!all || !strings.HasPrefix(region, prefix)) {
			continue
		}
		for start := range names {
			if strings.HasPrefix(name, start) || strings.HasPrefix(date, start) {
				return true
			}
		}
	}
	return false
}

// Regression: Matariki was missing for New Zealand, and Easter Sunday for Denmark.
func TestMatarikiAndEasterSundayAreHolidays(t *testing.T) {
	for region, dates := range map[string][]string{
		"NZ": {"2026-07-10", "2027-06-25", "2028-07-14", "2029-07-06", "2030-06-21", "2031-07-11", "2052-06-21"},
		"DK": {"2026-04-05", "2027-03-28", "2028-04-16", "2029-04-01", "2030-04-21", "2031-04-13"},
	} {
		for _, date := range dates {
			day, err := time.Parse(time.DateOnly, date)
			require.NoError(t, err)
			require.True(t, holidayDays(regions[region], day.Year(), day.Year())[dayOf(day.Unix())], "%s %s", region, date)
			if region == "NZ" {
				require.Equal(t, time.Friday, day.Weekday())
			}
		}
	}
	require.Empty(t, holidayDays([]*holiday{matariki}, MinYear, 2021), "and before the law there was none")
	require.Empty(t, holidayDays([]*holiday{matariki}, 2053, MaxYear))
}

func TestOnlyNamesOfTheZoneListAreZones(t *testing.T) {
	for _, name := range []string{
		"Asia/Calcutta", "Asia/Kolkata", "US/Pacific", "Europe/Kyiv", "Europe/Kiev", "UTC", "Etc/GMT+5", "EST5EDT", "GB-Eire",
		"America/Argentina/Buenos_Aires", "Europe/Berlin", "Africa/Asmera", "Pacific/Enderbury",
	} {
		_, err := LoadZone(name)
		require.NoError(t, err, name)
	}
	for _, name := range []string{
		"", "Local", "localtime", "posixrules", "right/Europe/Berlin", "posix/Europe/Berlin", "./UTC", "Europe//Berlin",
		"Europe/./Berlin", "europe/berlin", "Europe/Berlin/", "/UTC", "../UTC", "leapseconds", "tzdata.zi", "Europe",
		" UTC", "UTC\n", "Europe/Berlin\x00", "Asia/Calcutta\nUTC",
	} {
		_, err := LoadZone(name)
		require.Error(t, err, "%q", name)
		_, err = Rule{Zone: name}.Compile()
		require.Error(t, err, "%q", name)
	}
	_, err := LoadZone("europe/berlin")
	require.ErrorContains(t, err, "it is written Europe/Berlin")
	for name, meant := range map[string]string{
		"right/Europe/Berlin": "Europe/Berlin", "./UTC": "UTC", "Europe//Berlin": "Europe/Berlin", "localtime": "UTC", "": "UTC",
	} {
		require.Equal(t, meant, ZoneMeant(name))
	}
}

func TestEveryNameOfTheZoneListLoads(t *testing.T) {
	names := strings.Split(zoneNames, "\n")
	require.True(t, slices.IsSorted(names))
	require.Greater(t, len(names), 590)
	for _, name := range names {
		_, err := LoadZone(name)
		require.NoError(t, err, name)
	}
}
