package policies

import (
	"testing"
)

func TestStandardLoads(t *testing.T) {
	s, err := Load(t.Context(), Config{})
	if err != nil {
		t.Fatal(err)
	}
	t.Log(s.Revision(), s.Packages(), s.Warnings())
}
