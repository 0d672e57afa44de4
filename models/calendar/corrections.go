package calendar

import (
	"slices"
	"strings"
	"time"

	"github.com/rickar/cal/v2"
)

// correction is what the library's list of a region lacks, and what it should not have: laws that are younger than it, and
// Sundays that it leaves out. Each is held against a second source by TestHolidaysAreThoseOfASecondSource.
type correction struct {
	drop []string // names in the library, all days of which are wrong
	add  []*holiday
}

var (
	easterSunday     = easter("Easter Sunday", 0)
	whitSunday       = easter("Whit Sunday", 49)
	orthodoxEaster   = orthodox("Orthodox Easter Sunday", 0)
	orthodoxWhit     = orthodox("Orthodox Whit Sunday", 49)
	federalPrayerDay = nth("Eidg. Dank-, Buss- und Bettag", time.September, time.Sunday, 3)
)

// corrections by region. Those of all Swiss cantons are in init.
var corrections = map[string]correction{
	"AR": {
		drop: []string{
			"Viernes Santo", "Aniversario paso a la inmortalidad del General Martín Miguel de Güemes",
			"Aniversario paso a la inmortalidad del General Juan Manuel Belgrano",
			"Aniversario paso a la inmortalidad del General José de San Martín", "Día del respeto a la diversidad cultural",
			"Día de la Soberanía Nacional",
		},
		add: []*holiday{ // law 27.399: four are moved to a Monday, Belgrano's is not
			easter("Viernes Santo", -2), day("Paso a la Inmortalidad del General Manuel Belgrano", time.June, 20),
			movable("Paso a la Inmortalidad del General Martín Miguel de Güemes", time.June, 17),
			movable("Paso a la Inmortalidad del General José de San Martín", time.August, 17),
			movable("Día del Respeto a la Diversidad Cultural", time.October, 12),
			movable("Día de la Soberanía Nacional", time.November, 20),
		},
	},
	"AU-NSW": {add: []*holiday{ // the Government's order of 2025, for two years
		in(day("Anzac Day, additional day", time.April, 27), 2026, 2026),
		in(day("Anzac Day, additional day", time.April, 26), 2027, 2027),
	}},
	"AU-NT": {add: []*holiday{easterSunday}},
	"AU-SA": {add: []*holiday{easterSunday}},
	"AU-WA": {add: []*holiday{easterSunday}},
	"BG":    {add: []*holiday{orthodoxEaster, day("Ден на труда", time.May, 1)}},
	"CH":    {add: []*holiday{easterSunday, whitSunday, federalPrayerDay}},
	"CY":    {add: []*holiday{orthodoxEaster, orthodoxWhit}},
	"DE-BB": {add: []*holiday{easterSunday, whitSunday}},
	"DE-BE": {add: []*holiday{in(day("75 Jahre Volksaufstand", time.June, 17), 2028, 2028)}},
	"DE-MV": {add: []*holiday{in(day("Internationaler Frauentag", time.March, 8), 2023, 0)}},
	"DK":    {add: []*holiday{easterSunday, whitSunday}},
	"GR":    {add: []*holiday{orthodoxEaster, orthodoxWhit}},
	"HU":    {add: []*holiday{easterSunday, whitSunday}},
	"IS":    {add: []*holiday{easterSunday, whitSunday}},
	"IT":    {add: []*holiday{easterSunday, in(day("San Francesco d'Assisi", time.October, 4), 2026, 0)}}, // law 151/2025
	"LT":    {add: []*holiday{easterSunday}},
	"LU":    {add: []*holiday{in(day("Journée de l'Europe", time.May, 9), 2019, 0)}},
	"MX": { // Ley Federal del Trabajo, article 74: nothing is observed on another day
		drop: []string{
			"New Year's Day", "Constitution Day", "Benito Juárez's Birthday", "Labour Day", "Independence Day", "Christmas Day",
		},
		add: []*holiday{
			day("Año Nuevo", time.January, 1), nth("Día de la Constitución", time.February, time.Monday, 1),
			nth("Natalicio de Benito Juárez", time.March, time.Monday, 3), day("Día del Trabajo", time.May, 1),
			day("Día de la Independencia", time.September, 16), day("Navidad", time.December, 25),
			every(6, day("Transmisión del Poder Ejecutivo Federal", time.October, 1), 2024),
		},
	},
	"NL": {add: []*holiday{easterSunday, whitSunday}},
	"NO": {add: []*holiday{easterSunday, whitSunday}},
	"NZ": {add: []*holiday{matariki}},
	"PL": {add: []*holiday{easterSunday, whitSunday}},
	"RS": {add: []*holiday{ // a day of a state holiday that is a Sunday gives the first working day after it
		onSunday(day("Нова година", time.January, 3), 1, 2), onSunday(day("Дан државности", time.February, 17), 1, 2),
		onSunday(day("Дан примирја", time.November, 12), 1),
	}},
	"RU": {add: days("Новогодние каникулы", time.January, 2, 3, 4, 5, 6, 8)}, // Labour Code, article 112
	"SK": {
		drop: []string{
			"Deň boja za slobodu a demokraciu", "Deň víťazstva nad fašizmom",
			"Sviatok Panny Márie Sedembolestnej, patrónky Slovenska",
		},
		add: []*holiday{ // days off again after 2026
			in(day("Deň víťazstva nad fašizmom", time.May, 8), 2027, 0),
			in(day("Sedembolestná Panna Mária", time.September, 15), 2027, 0),
		},
	},
	"UA": {
		drop: []string{"День захисника України", "Різдво"},
		add: []*holiday{ // law 3107-IX of 2023
			orthodoxEaster, orthodox("Трійця, понеділок", 50), day("Різдво Христове", time.December, 25),
			day("День Української Державності", time.July, 15), day("День захисників і захисниць України", time.October, 1),
		},
	},

	"CH-AI": {add: days("Mauritiustag", time.September, 22)},
	"CH-FR": {add: days("Immaculée Conception", time.December, 8)},
	"CH-GE": {
		drop: []string{"Fronleichnam"},
		add: []*holiday{
			after(nth("Jeûne genevois", time.September, time.Sunday, 1), 4),
			day("Restauration", time.December, 31), //nolint:misspell // French
		},
	},
	"CH-GL": {add: []*holiday{naefelserFahrt}},
	"CH-JU": {add: days("Plébiscite jurassien", time.June, 23)},
	"CH-NE": {add: []*holiday{day("Instauration de la République", time.March, 1), easter("Lundi de Pâques", 1)}},
	"CH-OW": {add: days("Bruderklausenfest", time.September, 25)},
	"CH-TI": {add: days("Santi Pietro e Paolo", time.June, 29)},
	"CH-VD": {add: []*holiday{after(nth("Lundi du Jeûne fédéral", time.September, time.Sunday, 3), 1)}},
	"CH-ZG": {add: []*holiday{
		easter("Fronleichnam", 60), day("Mariä Himmelfahrt", time.August, 15), day("Mariä Empfängnis", time.December, 8),
	}},
}

// correct puts the corrections into the regions.
func correct() {
	for region, list := range regions {
		fix := corrections[region]
		if canton := strings.HasPrefix(region, "CH-"); canton {
			fix.add = append(slices.Clone(fix.add), easterSunday, whitSunday)
			if region != "CH-GE" && region != "CH-GL" { // which have a day of their own, or call it otherwise
				fix.add = append(fix.add, federalPrayerDay)
			}
		}
		kept := slices.DeleteFunc(slices.Clone(list), func(h *holiday) bool { return slices.Contains(fix.drop, h.Name) })
		regions[region] = append(kept, fix.add...)
	}
}

func day(name string, month time.Month, number int) *holiday {
	return &holiday{Name: name, Month: month, Day: number, Func: cal.CalcDayOfMonth}
}

func days(name string, month time.Month, numbers ...int) (list []*holiday) {
	for _, number := range numbers {
		list = append(list, day(name, month, number))
	}
	return list
}

func easter(name string, offset int) *holiday {
	return &holiday{Name: name, Offset: offset, Func: cal.CalcEasterOffset}
}

func orthodox(name string, offset int) *holiday {
	return &holiday{Name: name, Offset: offset, Julian: true, Func: cal.CalcEasterOffset}
}

func nth(name string, month time.Month, weekday time.Weekday, number int) *holiday {
	return &holiday{Name: name, Month: month, Weekday: weekday, Offset: number, Func: cal.CalcWeekdayOffset}
}

func after(h *holiday, days int) *holiday {
	h.CalcOffset = days
	return h
}

// in are the years in which there is the holiday; no last one if it is 0.
func in(h *holiday, first, last int) *holiday {
	h.StartYear, h.EndYear = first, last
	return h
}

// only is the holiday in the years of which f is true.
func only(h *holiday, f func(year int) bool) *holiday {
	date := h.Func
	h.Func = func(h *holiday, year int) time.Time {
		if !f(year) {
			return time.Time{}
		}
		return date(h, year)
	}
	return h
}

func every(years int, h *holiday, first int) *holiday {
	return only(in(h, first, 0), func(year int) bool { return (year-first)%years == 0 })
}

// onSunday is the holiday if one of the days that are so many before it is a Sunday.
func onSunday(h *holiday, before ...int) *holiday {
	return only(h, func(year int) bool {
		return slices.ContainsFunc(before, func(days int) bool {
			return time.Date(year, h.Month, h.Day-days, 0, 0, 0, 0, time.UTC).Weekday() == time.Sunday
		})
	})
}

// movable is a holiday that a Tuesday or Wednesday moves to the Monday before, a Thursday or Friday to the one behind.
func movable(name string, month time.Month, number int) *holiday {
	h := day(name, month, number)
	h.Func = func(h *holiday, year int) time.Time {
		date := cal.CalcDayOfMonth(h, year)
		switch weekday := date.Weekday(); weekday {
		case time.Tuesday, time.Wednesday:
			return date.AddDate(0, 0, -int(weekday-time.Monday))
		case time.Thursday, time.Friday:
			return date.AddDate(0, 0, int(time.Saturday-weekday)+2)
		default:
			return date
		}
	}
	return h
}

// naefelserFahrt is the first Thursday of April, a week later where that one is in Holy Week.
var naefelserFahrt = func() *holiday {
	h := nth("Näfelser Fahrt", time.April, time.Thursday, 1)
	h.Func = func(h *holiday, year int) time.Time {
		date := cal.CalcWeekdayOffset(h, year)
		if date.Equal(cal.CalcEasterOffset(&holiday{Offset: -3}, year)) {
			return date.AddDate(0, 0, 7)
		}
		return date
	}
	return h
}()

// matariki is New Zealand's, by the schedule of its Te Kāhui o Matariki Public Holiday Act 2022: the Fridays of 2022 to
// 2052, which no rule of the calendar gives.
var matariki = in(&holiday{
	Name: "Matariki",
	Func: func(_ *holiday, year int) time.Time {
		date := strings.Fields(matarikiDates)[year-matarikiFirst]
		at, err := time.Parse("06-01-02", date)
		if err != nil {
			return time.Time{} // is seen by the tests
		}
		return at
	},
}, matarikiFirst, matarikiFirst+len(strings.Fields(matarikiDates))-1)

const (
	matarikiFirst = 2022
	matarikiDates = `22-06-24 23-07-14 24-06-28 25-06-20 26-07-10 27-06-25 28-07-14 29-07-06 30-06-21 31-07-11 32-07-02
		33-06-24 34-07-07 35-06-29 36-07-18 37-07-10 38-06-25 39-07-15 40-07-06 41-07-19 42-07-11 43-07-03 44-06-24 45-07-07
		46-06-29 47-07-19 48-07-03 49-06-25 50-07-15 51-06-30 52-06-21`
)
