package policies

import (
	"io/fs"
	"strings"
	"testing"
)

func TestFormat(t *testing.T) {
	got, err := Format([]byte("package a\np if   {   x:=1;  x==1 }"), "a.rego")
	if want := "package a\n\np if {\n\tx := 1\n\tx == 1\n}\n"; err != nil || string(got) != want {
		t.Errorf("Format: %q, %v; want %q", got, err, want)
	}
	if _, err := Format([]byte("package a\n\np if {"), "a.rego"); err == nil || !strings.HasPrefix(err.Error(), "a.rego:3:") {
		t.Errorf("Format of a syntax error: %v", err)
	}
}

func TestEmbeddedFilesAreFormatted(t *testing.T) {
	err := fs.WalkDir(Embedded(), ".", func(name string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		src, err := fs.ReadFile(Embedded(), name)
		if err != nil {
			return err
		}
		if got, err := Format(src, name); err != nil || string(got) != string(src) {
			t.Errorf("%s is not formatted (%v)", name, err)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}
