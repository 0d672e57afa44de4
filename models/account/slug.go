package account

import (
	"cmp"
	"errors"
	"regexp"
	"strconv"
	"strings"
	"unicode"

	"golang.org/x/text/unicode/norm"
	"gorm.io/gorm"

	"github.com/atender/atender/models/postgres"
	"github.com/atender/atender/models/problem"
)

const (
	// maxSlug is how long a slug is that is given or made from a name, in characters: the ids of workflows stay short. The column
	// has room for what is put behind it.
	maxSlug = 32
	// maxNamesakes is how many tenants get slugs from one name; the next has to be given one.
	maxNamesakes = 1_000
	// sandboxSuffix is behind the slug of a production tenant in that of its sandbox.
	sandboxSuffix = "-sandbox"
)

var slugForm = regexp.MustCompile(`^[a-z0-9]([a-z0-9-]*[a-z0-9])?$`)

// plain are the letters of names that have no decomposition into one of ASCII and marks.
var plain = strings.NewReplacer("æ", "ae", "ß", "ss", "ø", "o", "ð", "d", "ł", "l")

// checkSlug checks one that was given. Errors: VALIDATION_FAILED.
func checkSlug(slug string) error {
	if len(slug) <= maxSlug && slugForm.MatchString(slug) {
		return nil
	}
	return problem.Fields(problem.Field{
		Field: "slug", Code: "invalid_format", Message: "must be 1 to " + strconv.Itoa(maxSlug) +
			" of a to z, 0 to 9 and hyphens, and begin and end without a hyphen, such as acme-outdoor",
	})
}

// slugFrom is the slug that a name makes, "" for one without a letter or digit of ASCII. Accents are left off.
func slugFrom(name string) string {
	var b strings.Builder
	gap := false
	for _, r := range plain.Replace(strings.ToLower(norm.NFKD.String(name))) {
		switch {
		case unicode.Is(unicode.Mn, r):
		case r >= 'a' && r <= 'z', r >= '0' && r <= '9':
			if gap && b.Len() > 0 {
				b.WriteByte('-')
			}
			gap = false
			b.WriteRune(r)
		default:
			gap = true
		}
	}
	return strings.TrimRight(b.String()[:min(b.Len(), maxSlug)], "-")
}

// giveSlugs gives the pair its slugs: the one that is wanted, or the first free one from the name. A slug never changes, so the
// ids of a tenant's workflows do not either. Errors: VALIDATION_FAILED for one that is taken, or where so many have the name.
func giveSlugs(tx *gorm.DB, wanted string, live, sandbox *Tenant) error {
	// Tenants are made one after the other, so that two of one name do not meet.
	if err := tx.Exec(`SELECT pg_advisory_xact_lock(hashtext('atender tenants'))`).Error; err != nil {
		return postgres.Doing(err, "wait for other tenants that are being made")
	}
	base, namesakes := wanted, 1
	if wanted == "" {
		base, namesakes = cmp.Or(slugFrom(live.Name), "tenant"), maxNamesakes
	}
	err := tx.Raw(`SELECT wanted FROM (SELECT n, ? || CASE WHEN n > 1 THEN '-' || n ELSE '' END AS wanted
			FROM generate_series(1, ?::int) n) w
		WHERE NOT EXISTS (SELECT FROM tenants WHERE slug IN (wanted, wanted || ?)) ORDER BY n LIMIT 1`,
		base, namesakes, sandboxSuffix).Take(&live.Slug).Error
	if errors.Is(err, gorm.ErrRecordNotFound) {
		return problem.Fields(problem.Field{
			Field: "slug", Code: "taken", Message: "another tenant, or its sandbox, has " + base + ": give another one",
		})
	}
	sandbox.Slug = live.Slug + sandboxSuffix
	return postgres.Doing(err, "find a slug for the tenant")
}
