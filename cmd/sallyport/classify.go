package main

import (
	"bufio"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"unicode/utf8"

	"github.com/spf13/cobra"

	"github.com/sallyport-ai/sallyport/classifiers"
	"github.com/sallyport-ai/sallyport/engine"
)

// maxLine bounds a line of classify's input, in bytes.
const maxLine = 64 << 20

func (a *app) classify() *cobra.Command {
	var path, input, module string
	var flags moduleFlags
	c := &cobra.Command{
		Use:   "classify",
		Short: "Run classifiers over texts",
		Long: `Run the classifiers of a configuration, or one module, over texts: JSON lines
{"id", "text"} in, and in the same order {"id", "findings", "scores", "errors"} out.
A text whose classifier failed has "errors", the others go on, and the exit code is
2 at the end.`,
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			if module == "" && flags.changed(c) {
				return errors.New("--time-limit, --memory-limit-bytes and --config-json go with --module; a configuration states its own")
			}
			return a.classifyTexts(c.Context(), path, input, module, &flags)
		},
	}
	c.Flags().StringVarP(&path, "config", "c", "", "configuration file; without it the embedded default")
	c.Flags().StringVarP(&input, "input", "i", "-", "file of JSON lines, - for standard input")
	c.Flags().StringVar(&module, "module", "", "one module instead: a .wasm file, or builtin:NAME")
	flags.add(c, 0, "of the module, for a text; 0 for the default")
	return c
}

// open opens an input file, "-" for standard input.
func (a *app) open(path string) (io.ReadCloser, error) {
	if path == "-" {
		return io.NopCloser(a.in), nil
	}
	return os.Open(path)
}

func (a *app) classifyTexts(ctx context.Context, path, input, module string, flags *moduleFlags) (err error) {
	host, err := a.newHost(ctx, nil)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, host.Close(ctx)) }()
	loaded, err := a.loadClassifiers(ctx, host, path, module, flags)
	for _, c := range loaded {
		defer c.Close(ctx)
	}
	if err != nil {
		return err
	}
	in, err := a.open(input)
	if err != nil {
		return err
	}
	defer in.Close()

	out := bufio.NewWriter(a.out)
	encode := json.NewEncoder(out)
	encode.SetEscapeHTML(false)
	lines := bufio.NewScanner(in)
	lines.Buffer(nil, maxLine)
	failed := false
	for n := 1; lines.Scan(); n++ {
		if len(lines.Bytes()) == 0 {
			continue
		}
		result, err := classifyLine(ctx, loaded, lines.Bytes())
		if err != nil {
			return errors.Join(out.Flush(), fmt.Errorf("line %d: %w", n, err))
		}
		failed = failed || len(result.Errors) > 0
		if err := encode.Encode(result); err != nil {
			return err
		}
	}
	if err := errors.Join(lines.Err(), out.Flush()); err != nil {
		return err
	}
	if failed {
		return failure(exitEval, errors.New("a classifier failed on some texts"))
	}
	return nil
}

// loadClassifiers loads the configuration's classifiers, or the one module.
func (a *app) loadClassifiers(ctx context.Context, host *classifiers.Host, path, module string, flags *moduleFlags) ([]*classifiers.Classifier, error) {
	var wanted []classifiers.ModuleConfig
	if module != "" {
		m, err := flags.module(module)
		if err != nil {
			return nil, err
		}
		wanted = append(wanted, m)
	} else {
		cfg, files, diags := a.loadConfig(path)
		if diags.HasErrors() {
			(&mistakes{files: files, config: diags}).print(a.err)
			return nil, failure(exitInvalid, nil)
		}
		wanted = cfg.classifiers
	}
	var loaded []*classifiers.Classifier
	var errs []error
	for _, m := range wanted {
		c, err := host.Load(ctx, m)
		if err != nil {
			errs = append(errs, err)
			continue
		}
		loaded = append(loaded, c)
	}
	if len(errs) > 0 {
		return loaded, failure(exitInvalid, errors.Join(errs...))
	}
	return loaded, nil
}

// classified is a line of classify's output.
type classified struct {
	ID       json.RawMessage               `json:"id"`
	Findings []classifiedFinding           `json:"findings"`
	Scores   map[string]map[string]float64 `json:"scores"` // by classifier
	Errors   []classifyError               `json:"errors,omitempty"`
}

type classifiedFinding struct {
	Classifier string  `json:"classifier"`
	Kind       string  `json:"kind"`
	Score      float64 `json:"score"`
	Start      int     `json:"start"` // bytes of the text's UTF-8
	End        int     `json:"end"`
}

type classifyError struct {
	Classifier string `json:"classifier"`
	Code       string `json:"code"`
	Message    string `json:"message"`
}

func classifyLine(ctx context.Context, loaded []*classifiers.Classifier, line []byte) (*classified, error) {
	var in struct {
		ID   json.RawMessage `json:"id"`
		Text *string         `json:"text"`
	}
	if !utf8.Valid(line) {
		return nil, errors.New("not UTF-8")
	}
	if err := json.Unmarshal(line, &in); err != nil {
		return nil, fmt.Errorf("not a JSON object {\"id\", \"text\"}: %w", err)
	}
	if in.Text == nil {
		return nil, errors.New("the object has no \"text\"")
	}
	if in.ID == nil {
		in.ID = json.RawMessage("null")
	}
	out := &classified{ID: in.ID, Findings: []classifiedFinding{}, Scores: map[string]map[string]float64{}}
	text := []*engine.Text{{Role: engine.RoleUser, Kind: engine.KindText, Value: *in.Text}}
	for _, c := range loaded {
		name := c.Info().Name
		report, err := c.Classify(ctx, text)
		if err != nil {
			e := classifyError{Classifier: name, Code: engine.ClassifierUnavailable, Message: err.Error()}
			if ce, ok := errors.AsType[*engine.ClassifierError](err); ok {
				e.Code = ce.Code
			}
			out.Errors = append(out.Errors, e)
			continue
		}
		for _, f := range report.Findings {
			out.Findings = append(out.Findings, classifiedFinding{name, f.Kind, f.Score, f.Span.Start, f.Span.End})
		}
		if len(report.Scores) > 0 {
			out.Scores[name] = report.Scores
		}
	}
	slices.SortStableFunc(out.Findings, func(a, b classifiedFinding) int {
		return cmp.Or(cmp.Compare(a.Start, b.Start), cmp.Compare(a.End, b.End))
	})
	return out, nil
}
