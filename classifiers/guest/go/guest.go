// Package guest lets a Sallyport classifier be written in Go. It hides the binary
// interface: a classifier is a description and one function.
//
//	var _ = guest.Export(`{"name":"mine","version":"1.0.0","kinds":["CODE_WORD"],"scores":[]}`, scan)
//
//	func scan(t guest.Text, r *guest.Report) {
//		if i := strings.Index(t.Value, "bluebird"); i >= 0 {
//			r.Find(t, i, i+8, 0, 0.9)
//		}
//	}
//
//	func main() {}
//
// Built with GOOS=wasip1 GOARCH=wasm go build -buildmode=c-shared it is a module.
// Built for any other system it is ordinary Go, so a test can call scan, or
// Classify, without WebAssembly.
//
// The exporting functions set what the module exports, of which there is one of
// each, so a program calls one of them once, from a package variable. Nothing here
// is for more than one goroutine.
package guest

// Roles of a text: who wrote it.
const (
	RoleSystem = iota
	RoleUser
	RoleAssistant
	RoleTool
)

// Kinds of a text: what it is.
const (
	KindText = iota
	KindToolArguments
	KindToolResult
	KindToolDefinition
	KindName
)

// NoMessage is the Message of a text that belongs to none.
const NoMessage = 1<<32 - 1

// MaxFindings is how many findings a report holds. Those after it are dropped and
// the report says that it is truncated.
const MaxFindings = 4096

// Text is one text of a request.
type Text struct {
	Value   string // UTF-8; gone when the call returns, so keep a copy or nothing
	Index   int    // of the text in the request
	Message uint32 // of the conversation, or NoMessage
	Role    uint16
	Kind    uint16
}

// Finding is a place in a text and what stands there.
type Finding struct {
	Text       int // its Index
	Start, End int // bytes of its Value, on borders of UTF-8 characters
	Kind       int // position in the description's kinds
	Score      float32
}

// Score is a number about the request as a whole.
type Score struct {
	ID    int // position in the description's scores
	Value float32
}

// Report is what a classifier says of a request.
type Report struct {
	Findings  []Finding
	Scores    []Score
	Truncated bool
}

// Find reports bytes [start, end) of a text. The score is the probability that
// they are what kind says, 0 to 1.
func (r *Report) Find(t Text, start, end, kind int, score float32) {
	if len(r.Findings) == MaxFindings {
		r.Truncated = true
		return
	}
	r.Findings = append(r.Findings, Finding{t.Index, start, end, kind, score})
}

// Score reports a score of the request, 0 to 1, once for each id.
func (r *Report) Score(id int, value float32) {
	r.Scores = append(r.Scores, Score{id, value})
}

// Scan reads one text. It is called for each text in the order of the request.
type Scan func(t Text, r *Report)

// module is what is exported.
var module struct {
	description string
	configure   func(config []byte) (Scan, error)
	scan        Scan
}

// Export makes scan the module's classifier. The description is JSON, as
// sp_describe returns it. The result means nothing; it lets the call be a package
// variable's value.
func Export(description string, scan Scan) struct{} {
	return ExportConfigured(description, func([]byte) (Scan, error) { return scan, nil })
}

// ExportConfigured is Export for a classifier that reads the config of its block,
// a JSON object. configure is called once, before any text; an error refuses the
// configuration. It must not keep config.
func ExportConfigured(description string, configure func(config []byte) (Scan, error)) struct{} {
	module.description, module.configure = description, configure
	return struct{}{}
}

// Classify runs a scan over texts as a module would, for tests. Their Index is
// set.
func Classify(scan Scan, texts ...Text) *Report {
	r := &Report{}
	for i, t := range texts {
		t.Index = i
		scan(t, r)
	}
	return r
}
