package engine

import (
	"encoding/json"
	"slices"
	"strings"
)

// longNumber is the least count of digits at which a number in a tool's arguments
// is a text: that of requests.
const longNumber = 7

// argumentsDocument is a tool's arguments as a document whose leaves are the
// strings, names and long numbers in it; nil where they are not JSON, as after a
// reply that was cut off.
func argumentsDocument(raw []byte) *Document {
	if !json.Valid(raw) {
		return nil
	}
	doc := &Document{Raw: slices.Clone(raw)}
	d := json.NewDecoder(strings.NewReader(string(raw)))
	d.UseNumber()
	for at := 0; ; at = int(d.InputOffset()) {
		token, err := d.Token()
		if err != nil {
			return doc // the end, for it is valid
		}
		var value string
		switch token := token.(type) {
		case string:
			value = token
		case json.Number:
			if value = token.String(); digits(value) < longNumber {
				continue
			}
		default:
			continue
		}
		for strings.IndexByte(" \t\r\n,:", raw[at]) >= 0 {
			at++
		}
		doc.Leaves = append(doc.Leaves, &Text{Role: RoleAssistant, Kind: KindToolArguments, Message: -1, Value: value,
			Span: Span{Start: at, End: int(d.InputOffset())}})
	}
}

func digits(s string) (n int) {
	for i := range len(s) {
		if '0' <= s[i] && s[i] <= '9' {
			n++
		}
	}
	return n
}
