package classifiers

import (
	"context"
	"fmt"
	"strings"
	"testing"
)

// TestPIILists: what names the places of a list speaks for the values in it, and
// against them.
func TestPIILists(t *testing.T) {
	c := load(t, newHost(t), ModuleConfig{Module: "builtin:pii"})
	forms := []struct{ name, text string }{
		{"columns first", `{"columns": ["id", "LABEL"], "data": [[1, "VALUE"], [2, "VALUE"]]}`},
		{"an index in between", `{"columns":["LABEL","id"],"index":[0,1],"data":[["VALUE",1],["VALUE",2]]}`},
		{"columns last", `{"rows":[["x","VALUE"],["a, b","VALUE"]],"fields":["id","LABEL"]}`},
		{"a row of names", "[\n  [\"LABEL\", \"id\"],\n  [\"VALUE\", 4],\n  [\"VALUE\", 5]\n]"},
		{"SQL", "INSERT INTO people (id, department, LABEL, hired) values\n  (17, 'sales and marketing, north', 'VALUE', NULL),\n  (18, 'a department with a long name', 'VALUE', NULL);"},
	}
	for _, form := range forms {
		for _, v := range []struct{ label, value, kind string }{
			{"ssn", "536221234", "US_SSN"}, {"nhs_number", "9434765919", "UK_NHS"}, {"sin", "046454286", "CA_SIN"}, {"tfn", "123456782", "AU_TFN"}, {"birth_date", "12/03/1985", "DATE_OF_BIRTH"},
			{"passport", "C01X00T47", "PASSPORT"}, {"nhs_number", "1234567890", ""}, {"serial", "536-22-1234", ""}, {"batch", "536221234", ""}, {"order_no", "123 456 782", ""},
		} {
			text := strings.NewReplacer("LABEL", v.label, "VALUE", v.value).Replace(form.text)
			rep, err := c.Classify(context.Background(), userTexts(text))
			if err != nil {
				t.Fatal(err)
			}
			got := 0
			for _, f := range rep.Findings {
				if f.Kind == v.kind && text[f.Span.Start:f.Span.End] == v.value {
					got++
				}
			}
			if want := b2i(v.kind != "") * 2; got != want || len(rep.Findings) != want {
				t.Errorf("%s, %s: %d findings of %q in %q, want %d", form.name, v.label, got, v.kind, text, want)
			}
		}
	}
	// What is beside no list of names is a number.
	for _, text := range []string{
		`{"rows":[["x","536221234"]],"ssn":["a","b"]}`, `[[1, 2], [3, 123456782]]`, `{"data":[[9434765919]],"columns":[2]}`,
		"VALUES (536221234, 123456782)", fmt.Sprintf(`{"columns":["ssn"],"notes":"%s","data":[["536221234"]]}`, strings.Repeat("long ", 20)),
	} {
		rep, err := c.Classify(context.Background(), userTexts(text))
		if err != nil {
			t.Fatal(err)
		}
		for _, f := range rep.Findings {
			t.Errorf("%s in %q", f.Kind, text)
		}
	}
}
