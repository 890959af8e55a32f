package policies

import (
	"slices"
	"strings"
)

// nearest is the name that was probably meant by one that does not exist; "":
// none is near enough. Of several equally near ones it is the first of among. A
// name that lacks its last words, such as cost for cost_estimate_usd, is near where
// none is nearer.
func nearest(name string, among []string) string {
	best, least := "", mistypings(len(name))+1
	for _, other := range among {
		if best == "" && strings.HasPrefix(other, name+"_") {
			best = other
		}
		if d := distance(strings.ToLower(name), strings.ToLower(other)); d < least {
			best, least = other, d
		}
	}
	return best
}

// mistypings is how many there may be in a name of n bytes for it to be taken for
// another: in short names two changed letters make another word.
func mistypings(n int) int {
	switch {
	case n <= 3:
		return 1
	case n <= 7:
		return 2
	}
	return 3
}

// distance is how many bytes are to be inserted, removed, replaced or exchanged
// with their neighbour to make b of a: the restricted Damerau-Levenshtein distance
// ("optimal string alignment").
func distance(a, b string) int {
	rows := [3][]int{make([]int, len(b)+1), make([]int, len(b)+1), make([]int, len(b)+1)}
	before, last, row := rows[0], rows[1], rows[2]
	for j := range last {
		last[j] = j
	}
	for i := 1; i <= len(a); i++ {
		row[0] = i
		for j := 1; j <= len(b); j++ {
			cost := 1
			if a[i-1] == b[j-1] {
				cost = 0
			}
			row[j] = min(last[j]+1, row[j-1]+1, last[j-1]+cost)
			if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
				row[j] = min(row[j], before[j-2]+1)
			}
		}
		before, last, row = last, row, before
	}
	return last[len(b)]
}

// nearestKind is nearest for names of several words, such as finding kinds. Each
// word must be near its counterpart, and short ones, such as a country's code,
// must be it: NZ_PASSPORT is no misspelt UK_PASSPORT.
func nearestKind(kind string, among []string) string {
	words := strings.Split(kind, "_")
	best, least := "", 4
	for _, other := range among {
		theirs := strings.Split(other, "_")
		d := 0
		if len(words) != len(theirs) {
			// An underscore too many or too few.
			if d = distance(kind, other); d > 1 {
				continue
			}
		} else {
			far := false
			for i := range words {
				one := distance(words[i], theirs[i])
				short := min(len(words[i]), len(theirs[i])) < 3
				far = far || one > 2 || one > 0 && short || one > 1 && len(words[i]) < 6
				d += one
			}
			if far {
				continue
			}
		}
		if d < least {
			best, least = other, d
		}
	}
	return best
}

// didYouMean is a hint: the name that is near, and which there are. prefix stands
// before each name that is suggested.
func didYouMean(prefix, name string, among []string) string {
	names := slices.Sorted(slices.Values(among))
	all := "there are " + strings.Join(names, ", ")
	switch near := nearest(name, names); {
	case len(names) == 0:
		return ""
	case near != "":
		return "did you mean " + prefix + near + "? " + all
	}
	return all
}
