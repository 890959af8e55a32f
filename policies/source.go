package policies

import (
	"bytes"
	"cmp"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/go-json-experiment/json/jsontext"
	"github.com/open-policy-agent/opa/v1/util"
	"go.yaml.in/yaml/v3"
)

// origin says whose file a source is.
type origin uint8

const (
	fromLibrary origin = iota
	fromStandard
	fromUser
)

// source is one file of a policy set.
type source struct {
	origin origin
	root   int    // index into Config.Paths, for a user's file
	name   string // slash-separated, relative to the folder it was found under
	shown  string // what diagnostics and records call it
	bytes  []byte
}

func (s source) rego() bool { return strings.HasSuffix(s.name, ".rego") }
func (s source) test() bool { return strings.HasSuffix(s.name, "_test.rego") }

// readSources reads the .rego, .json and .yaml files of a configuration in a
// fixed order. Files and folders whose names begin with a dot are left out: a
// mounted Kubernetes ConfigMap keeps its old and new copies in such folders.
func readSources(cfg *Config) ([]source, Diagnostics) {
	var all []source
	var ds Diagnostics
	add := func(o origin, root int, fsys fs.FS, dir, shown string) {
		found, bad := readTree(fsys, dir, shown)
		for i := range found {
			found[i].origin, found[i].root = o, root
		}
		all, ds = append(all, found...), append(ds, bad...)
	}

	embedded := cfg.FS
	if embedded == nil {
		embedded = Embedded()
	}
	add(fromLibrary, 0, embedded, "lib", embeddedPrefix+"lib")
	if cfg.Standard || len(cfg.Paths)+len(cfg.Bundles) == 0 {
		add(fromStandard, 0, embedded, "standard", embeddedPrefix+"standard")
	}
	for i, p := range cfg.Paths {
		info, err := os.Stat(p)
		switch {
		case err != nil:
			ds = append(ds, Diagnostic{File: p, Severity: SeverityError, Message: "cannot be read: " + reason(err),
				Hint: "a policy path is a .rego, .json or .yaml file or a folder of them"})
		case info.IsDir():
			add(fromUser, i, os.DirFS(p), ".", p)
		case kindOf(p) == "":
			ds = append(ds, Diagnostic{File: p, Severity: SeverityError, Message: "is not a policy file",
				Hint: "a policy path is a .rego, .json or .yaml file or a folder of them"})
		default:
			b, err := os.ReadFile(p)
			if err != nil {
				ds = append(ds, Diagnostic{File: p, Severity: SeverityError, Message: "cannot be read: " + reason(err)})
				continue
			}
			all = append(all, source{origin: fromUser, root: i, name: filepath.Base(p), shown: p, bytes: b})
		}
	}
	for i, b := range cfg.Bundles {
		all = append(all, b.sources(len(cfg.Paths)+i)...)
	}
	return all, ds
}

func readTree(fsys fs.FS, dir, shown string) (found []source, ds Diagnostics) {
	fail := func(name string, err error) {
		ds = append(ds, Diagnostic{File: name, Severity: SeverityError, Message: "cannot be read: " + reason(err)})
	}
	err := fs.WalkDir(fsys, dir, func(name string, entry fs.DirEntry, err error) error {
		rel := strings.TrimPrefix(strings.TrimPrefix(name, dir), "/")
		file := path.Join(shown, rel)
		if err != nil {
			fail(file, err)
			return nil
		}
		if rel != "" && strings.HasPrefix(entry.Name(), ".") {
			if entry.IsDir() {
				return fs.SkipDir
			}
			return nil
		}
		if entry.IsDir() {
			return nil
		}
		if entry.Type()&fs.ModeSymlink != 0 {
			// A folder behind a link would be left out in silence, and its rules with it.
			if info, err := fs.Stat(fsys, name); err != nil {
				fail(file, err)
				return nil
			} else if info.IsDir() {
				ds = append(ds, Diagnostic{File: file, Severity: SeverityError, Message: "a link to a folder is not followed",
					Hint: "name the folder in the policy paths"})
				return nil
			}
		}
		if kindOf(name) == "" {
			return nil
		}
		b, err := fs.ReadFile(fsys, name)
		if err != nil {
			fail(file, err)
			return nil
		}
		found = append(found, source{name: rel, shown: file, bytes: b})
		return nil
	})
	if err != nil {
		fail(shown, err)
	}
	return found, ds
}

// reason is err without the path, which a diagnostic has already.
func reason(err error) string {
	var pe *fs.PathError
	if errors.As(err, &pe) {
		err = pe.Err
	}
	return err.Error()
}

func kindOf(name string) string {
	switch ext := path.Ext(filepath.ToSlash(name)); ext {
	case ".rego", ".json":
		return ext[1:]
	case ".yaml", ".yml":
		return "yaml"
	}
	return ""
}

// revision is the content address of what decides: every module and data file
// but the tests, by name. Names are relative, so a set has the same revision
// wherever it lies.
func revision(sources []source) string {
	decides := make([]source, 0, len(sources))
	for _, s := range sources {
		if !s.test() {
			decides = append(decides, s)
		}
	}
	slices.SortFunc(decides, func(a, b source) int {
		return cmp.Or(cmp.Compare(a.origin, b.origin), cmp.Compare(a.name, b.name), bytes.Compare(a.bytes, b.bytes))
	})
	h := sha256.New()
	part := func(b []byte) {
		var n [8]byte
		binary.BigEndian.PutUint64(n[:], uint64(len(b)))
		h.Write(n[:])
		h.Write(b)
	}
	for _, s := range decides {
		h.Write([]byte{byte(s.origin)})
		part([]byte(s.name))
		part(s.bytes)
	}
	return "sha256:" + hex.EncodeToString(h.Sum(nil))
}

// mergeData joins the data files into one document. A file's place in its folder
// is its place in the document and its own name is not, as in OPA:
// acme/data.json lies under data.acme.
func mergeData(sources []source) (map[string]any, Diagnostics) {
	root := map[string]any{}
	var ds Diagnostics
	for _, s := range sources {
		if s.rego() {
			continue
		}
		fail := func(line, col int, message, hint string) {
			ds = append(ds, Diagnostic{File: s.shown, Line: line, Col: col, Severity: SeverityError, Message: message, Hint: hint})
		}
		// The decoder below keeps the last of two members of one name and the first of
		// two documents; nobody can tell which one was meant.
		if kindOf(s.name) == "json" {
			if err := checkJSON(s.bytes); err != nil {
				line, col := position(s.bytes, offsetOf(err))
				fail(line, col, "is not valid JSON: "+jsonReason(err), "")
				continue
			}
		}
		if kindOf(s.name) == "yaml" {
			if err := checkYAML(s.bytes); err != nil {
				fail(yamlLine(err), 1, "is not valid YAML: "+strings.Join(strings.Fields(err.Error()), " "), "")
				continue
			}
		}
		var doc any
		if err := util.Unmarshal(s.bytes, &doc); err != nil {
			fail(0, 0, "cannot be read as "+kindOf(s.name)+": "+err.Error(), "")
			continue
		}
		members, ok := doc.(map[string]any)
		if !ok {
			fail(1, 1, "data must be an object", "give the value a name: {\"name\": …}")
			continue
		}
		if dir := path.Dir(s.name); dir != "." {
			for _, step := range slices.Backward(strings.Split(dir, "/")) {
				members = map[string]any{step: members}
			}
		}
		if own, ok := members["sallyport"]; ok {
			settings, ok := own.(map[string]any)
			if _, given := settings["settings"]; !ok || !given || len(settings) > 1 {
				fail(1, 1, "data under sallyport belongs to the library", "only data.sallyport.settings may be given as data")
				continue
			}
		}
		for _, conflict := range merge(root, members, "") {
			fail(1, 1, fmt.Sprintf("%q is given by another data file already", conflict), "give it in one file only")
		}
	}
	return root, ds
}

// merge adds src's members to dst and returns the paths that both have.
func merge(dst, src map[string]any, at string) (conflicts []string) {
	for k, v := range src {
		have, taken := dst[k]
		if !taken {
			dst[k] = v
			continue
		}
		a, both := have.(map[string]any)
		b, objects := v.(map[string]any)
		if both && objects {
			conflicts = append(conflicts, merge(a, b, at+k+".")...)
			continue
		}
		conflicts = append(conflicts, at+k)
	}
	slices.Sort(conflicts)
	return conflicts
}

func checkJSON(b []byte) error {
	d := jsontext.NewDecoder(bytes.NewReader(b))
	if _, err := d.ReadValue(); err != nil {
		return err
	}
	_, err := d.ReadToken()
	switch {
	case errors.Is(err, io.EOF):
		return nil
	case err == nil:
		return errors.New("more than one value")
	}
	return err
}

func checkYAML(b []byte) error {
	d := yaml.NewDecoder(bytes.NewReader(b))
	var doc any
	if err := d.Decode(&doc); err != nil && !errors.Is(err, io.EOF) {
		return err
	}
	if err := d.Decode(&doc); !errors.Is(err, io.EOF) {
		return errors.New("more than one document")
	}
	return nil
}

// yamlLine is the first line that a YAML error names; 0: none.
func yamlLine(err error) int {
	_, after, _ := strings.Cut(err.Error(), "line ")
	digits, _, _ := strings.Cut(after, ":")
	line, _ := strconv.Atoi(digits) // no number: 0
	return line
}

func offsetOf(err error) int {
	var se *jsontext.SyntacticError
	if errors.As(err, &se) {
		return int(se.ByteOffset)
	}
	return 0
}

func jsonReason(err error) string {
	var se *jsontext.SyntacticError
	if errors.As(err, &se) && se.Err != nil {
		if se.JSONPointer != "" {
			return se.Err.Error() + " at " + string(se.JSONPointer)
		}
		return se.Err.Error()
	}
	return err.Error()
}

// position is the line and column, both from 1, of a byte offset.
func position(b []byte, offset int) (line, col int) {
	before := b[:min(offset, len(b))]
	line = bytes.Count(before, []byte("\n")) + 1
	return line, len(before) - bytes.LastIndexByte(before, '\n')
}

// embeddedPrefix begins the shown name of a file that no user's path can have.
const embeddedPrefix = "embedded:"

// kept is the source's path in Files.
func (s source) kept() string {
	switch s.origin {
	case fromLibrary:
		return path.Join("lib", s.name)
	case fromStandard:
		return path.Join("standard", s.name)
	}
	return path.Join(strconv.Itoa(s.root), s.name)
}
