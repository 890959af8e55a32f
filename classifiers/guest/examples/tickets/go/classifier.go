// Finds ticket numbers, such as ABC-123, and code names of projects; the same as
// the one in C, which says what the config holds.
package main

import guest "github.com/sallyport-ai/sallyport/classifiers/guest/go"

const description = `{"name":"tickets","version":"1.0.0","kinds":["TICKET","CODE_NAME"],"scores":[],
"independent":true,"config_schema":{"type":"object","properties":{
"projects":{"type":"array","items":{"type":"string"}},
"codenames":{"type":"array","items":{"type":"string"}}}}}`

const (
	ticket = iota
	codeName
)

var _ = guest.ExportConfigured(description, configure)

func main() {}

func configure(config []byte) (guest.Scan, error) {
	projects, codenames := guest.Strings(config, "projects"), guest.Strings(config, "codenames")
	sure := float32(0.95)
	if len(projects) == 0 {
		sure = 0.5
	}
	return func(t guest.Text, r *guest.Report) {
		s := t.Value
		for i := range len(s) {
			if !word(s[i]) || i > 0 && word(s[i-1]) {
				continue // not the begin of a word
			}
			if end := ticketAt(s, i, projects); end > 0 {
				r.Find(t, i, end, ticket, sure)
			}
			for _, name := range codenames {
				if end := nameAt(s, i, name); end > 0 {
					r.Find(t, i, end, codeName, 0.9)
				}
			}
		}
	}, nil
}

func upper(c byte) bool { return c >= 'A' && c <= 'Z' }
func digit(c byte) bool { return c >= '0' && c <= '9' }

func lower(c byte) byte {
	if upper(c) {
		return c + 32
	}
	return c
}

// word says that c is part of a word; all characters beyond ASCII are.
func word(c byte) bool {
	return digit(c) || lower(c) >= 'a' && lower(c) <= 'z' || c == '_' || c >= 0x80
}

// nameAt is the end of a name at i, where a word ends as well; 0: it is not there.
func nameAt(s string, i int, name string) int {
	if name == "" || len(name) > len(s)-i {
		return 0
	}
	for k := range len(name) {
		if lower(s[i+k]) != lower(name[k]) {
			return 0
		}
	}
	i += len(name)
	if i < len(s) && word(s[i]) {
		return 0
	}
	return i
}

// ticketAt is the end of a ticket number at i; 0: there is none.
func ticketAt(s string, i int, projects []string) int {
	key := i
	for i < len(s) && i-key <= 10 && (upper(s[i]) || i > key && digit(s[i])) {
		i++
	}
	if i-key < 2 || i-key > 10 || i == len(s) || s[i] != '-' {
		return 0
	}
	number := i + 1
	for i = number; i < len(s) && i-number <= 6 && digit(s[i]); {
		i++
	}
	if i == number || i-number > 6 || i < len(s) && word(s[i]) {
		return 0
	}
	for _, p := range projects {
		if p == s[key:number-1] {
			return i
		}
	}
	if len(projects) > 0 {
		return 0
	}
	return i
}
