package password

import (
	_ "embed"
	"strings"
	"sync"
	"unicode"
	"unicode/utf8"
)

// commonWords are the passwords that people use most, without case and signs, a line each: those of zxcvbn
// (github.com/ccojocar/zxcvbn-go v1.0.4, data/Passwords.json; MIT, see LICENSE.zxcvbn), after M. Burnett's list, and words
// of sign-in pages in some languages. The module itself would read its 900 KB of other lists at every start.
//
//go:embed common.txt
var commonWords string

var common = sync.OnceValue(func() map[string]bool {
	words := strings.Fields(commonWords)
	set := make(map[string]bool, len(words))
	for _, word := range words {
		set[word] = true
	}
	return set
})

const (
	// minOwnWord is from how many characters a word of the agent's own counts: shorter ones are within other words.
	minOwnWord = 4
	// minBesides is how many characters there must be beside words of the agent's own, and how long what is repeated must
	// be: a guesser has tried all shorter ones within minutes.
	minBesides = 6
)

// rows are what fingers walk along: alphabet, digits, and the rows and columns of keyboards.
var rows = both("abcdefghijklmnopqrstuvwxyz", "1234567890", "0123456789", "qwertyuiopasdfghjklzxcvbnm",
	"qwertzuiopasdfghjklyxcvbnm",
	"azertyuiopqsdfghjklmwxcvbn", "asdfghjkl", "zxcvbnm", "qwertyuiop", "1q2w3e4r5t6y7u8i9o0p", "q1w2e3r4t5y6u7i8o9p0",
	"1qaz2wsx3edc4rfv5tgb6yhn7ujm8ik9ol0p", "qazwsxedcrfvtgbyhnujmikolp", "zaq12wsxcde34rfvbgt56yhn")

// both are the rows, forwards and backwards, twice each, so that a walk may begin anywhere.
func both(rows ...string) []string {
	all := make([]string, 0, 2*len(rows))
	for _, row := range rows {
		back := []rune(row)
		for i, j := 0, len(back)-1; i < j; i, j = i+1, j-1 {
			back[i], back[j] = back[j], back[i]
		}
		all = append(all, row+row, string(back)+string(back))
	}
	return all
}

const (
	tooCommon = "is a common password, or one with digits or signs around it, or a repetition: choose a few words that have " +
		"nothing to do with each other"
	tooOwn = "consists of the e-mail address, the name or the organisation that it is for: choose a few words that have " +
		"nothing to do with each other"
)

// guessable says why a password is among the first that a guesser tries; empty when it is not. own are names that the
// guesser knows. It takes time in proportion to the square of MaxLength at most.
func guessable(plain string, own []string) string {
	lower := strings.ToLower(plain)
	for _, form := range []string{letters(lower), letters(unleet(lower)), letters(unleet(strings.TrimFunc(lower, noLetter)))} {
		if ownWords(form, own) {
			return tooOwn
		}
		if commonForm(form) {
			return tooCommon
		}
	}
	if repeats(lower) {
		return tooCommon
	}
	return ""
}

// commonForm reports whether a form is a common word, one repeated, a walk, or two of these after each other.
func commonForm(form string) bool {
	if piece(form) || repeats(form) {
		return true
	}
	for i := range form {
		if i == 0 {
			continue
		}
		a, b := form[:i], form[i:]
		if (piece(a) || digits(a)) && (piece(b) || digits(b)) && (!digits(a) || !digits(b) || piece(a) && piece(b)) {
			return true
		}
	}
	return false
}

// piece reports whether a form is a common word or a walk along a row.
func piece(form string) bool {
	if common()[form] {
		return true
	}
	if len(form) < 3 {
		return false
	}
	for _, row := range rows {
		if strings.Contains(row, form) {
			return true
		}
	}
	return false
}

// repeats reports whether a form is something short, or a common word, again and again.
func repeats(form string) bool {
	runes := []rune(form)
	for size := 1; size <= len(runes)/2; size++ {
		if !periodic(runes, size) {
			continue
		}
		return size < minBesides || piece(string(runes[:size]))
	}
	return false
}

func periodic(runes []rune, size int) bool {
	for i := size; i < len(runes); i++ {
		if runes[i] != runes[i-size] {
			return false
		}
	}
	return true
}

// ownWords reports whether a form has hardly anything beside words of the agent's own.
func ownWords(form string, own []string) bool {
	rest := form
	for _, name := range own {
		for _, word := range append(strings.FieldsFunc(strings.ToLower(name), noLetterOrDigit), letters(strings.ToLower(name))) {
			if utf8.RuneCountInString(word) >= minOwnWord {
				rest = strings.ReplaceAll(rest, word, "")
			}
		}
		if form == letters(strings.ToLower(name)) {
			return true
		}
	}
	return rest != form && (utf8.RuneCountInString(rest) < minBesides || piece(rest) || digits(rest))
}

// letters are the letters and digits of a text.
func letters(text string) string {
	return strings.Map(func(r rune) rune {
		if noLetterOrDigit(r) {
			return -1
		}
		return r
	}, text)
}

func noLetter(r rune) bool { return !unicode.IsLetter(r) }

func noLetterOrDigit(r rune) bool { return !unicode.IsLetter(r) && !unicode.IsDigit(r) }

func digits(text string) bool { return strings.Trim(text, "0123456789") == "" }

// unleet writes letters where signs and digits stand for them.
var unleet = strings.NewReplacer("@", "a", "4", "a", "8", "b", "3", "e", "1", "i", "!", "i", "0", "o", "5", "s", "$", "s",
	"7", "t", "+", "t").Replace
