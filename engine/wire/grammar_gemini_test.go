package wire

import (
	"strings"
	"testing"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"github.com/sallyport-ai/sallyport/engine"
)

var geminiSide = side{
	dialect: engine.DialectGeminiContent, verb: "generateContent", stream: "streamGenerateContent", query: "alt=sse",
	body:   `{"contents":[{"role":"user","parts":[{"text":"hi"}]}]}`,
	marked: []markedBody{{body: markedGemini}, {body: markedGeminiTools, refusedBy: egressDialects}, {body: markedGeminiOwn, refusedBy: egressDialects}},
	check:  checkGemini,
}

// markedGemini can be carried by every target, and markedGeminiTools unless an
// unknown member has made a tool of Google's servers in it.
const (
	markedGemini = `{"systemInstruction":{"role":"system","parts":[{"text":"MARK"}]},
	"contents":[
	{"role":"user","parts":[{"text":"MARK"},{"inlineData":{"mimeType":"image/png","data":"iVBORw0KGgoAAAANSUhEUgAAAAEAAAAB","displayName":"MARK"}}]},
	{"role":"model","parts":[{"text":"MARK","thought":true},{"text":"MARK"},{"functionCall":{"name":"f","args":{"MARK":"MARK","n":NUMBER,"l":["a \u005aMARK"]}}}]},
	{"role":"user","parts":[{"functionResponse":{"name":"f","response":{"MARK":["MARK",{"k":NUMBER}]}}},{"text":"MARK"}]}],
	"generation_config":{"temperature":0.5,"top_p":0.9,"max_output_tokens":99,"responseMimeType":"application/json",
	  "responseSchema":{"type":"OBJECT","title":"MARK","properties":{"a":{"type":"STRING","enum":["MARK"],"description":"MARK"}}}},
	"safetySettings":[{"category":"HARM_CATEGORY_HARASSMENT","threshold":"MARK"}],
	"labels":{"MARK":"MARK"},"serviceTier":"MARK","store":"MARK"}`
	markedGeminiTools = `{"contents":{"parts":{"text":"MARK"}},
	"tools":[{"function_declarations":[{"name":"f","description":"MARK","parameters":{"type":"OBJECT","MARK":{"enum":["MARK",NUMBER]}},"response":{"description":"MARK"}},
	  {"name":"g","parametersJsonSchema":{"type":"object","title":"MARK"}}]}],
	"tool_config":{"function_calling_config":{"mode":"ANY"},"retrievalConfig":{"languageCode":"MARK"}}}`
	markedGeminiOwn = `{"system_instruction":"MARK","contents":[{"parts":[{"text":"MARK"},{"fileData":{"mimeType":"image/png","fileUri":"https://MARK/","displayName":"MARK"}},
	{"inlineData":{"mimeType":"text/plain","data":"JVBERi0"}},{"executableCode":{"language":"PYTHON","code":"MARK"}}]},
	{"role":"model","parts":[{"functionCall":{"id":"c1","name":"f"}}]},
	{"role":"function","parts":[{"functionResponse":{"id":"c1","name":"f","response":{"error":"MARK"},"parts":[{"inlineData":{"mimeType":"image/png","data":"iVBORw0KGgo="}}],"scheduling":"MARK"}}]}],
	"tools":[{"googleSearch":{"MARK":"MARK"}}],"toolConfig":{"functionCallingConfig":{"mode":"MARK"}},
	"generationConfig":{"responseModalities":["MARK"],"speechConfig":{"voice":"MARK"},"thinkingConfig":{"thinkingLevel":"MARK"}}}`
)

var geminiEmbedSide = side{
	dialect: engine.DialectGeminiEmbed, verb: "batchEmbedContents", stream: "-",
	marked: []markedBody{{refusedBy: []engine.Dialect{engine.DialectAnthropic},
		body: `{"requests":[{"content":{"parts":[{"text":"MARK"}]}},{"content":{"parts":{"text":"MARK"}}}]}`}, {
		refusedBy: egressDialects,
		body:      `{"requests":{"content":{"parts":[{"text":"MARK"},{"text":"MARK"}]},"title":"MARK","task_type":"MARK","outputDimensionality":8}}`}},
}

// checkGemini checks a reply against what Google's own clients take: data alone, a
// reason once for each candidate and nothing of it afterwards, usage in the last
// frame.
func checkGemini(t testing.TB, req *engine.Request, out string, failed bool) {
	t.Helper()
	var frames []string
	switch {
	case !req.Stream:
		frames = []string{out}
	case req.Array:
		var list []jsontext.Value
		if err := json.Unmarshal([]byte(out), &list); err != nil {
			t.Fatalf("not a JSON array: %v\n%s", err, out)
		}
		for _, v := range list {
			frames = append(frames, string(v))
		}
	default:
		events, ok := strings.CutSuffix(out, "\n\n")
		if !ok && out != "" {
			t.Fatalf("no blank line at the end of %q", out)
		}
		for event := range strings.SplitSeq(events, "\n\n") {
			data, ok := strings.CutPrefix(event, "data: ")
			if !ok || strings.ContainsAny(data, "\r\n") {
				t.Fatalf("not data alone: %q", event)
			}
			frames = append(frames, data)
		}
	}
	finished := map[int]bool{}
	used := 0
	for i, frame := range frames {
		var f struct {
			Candidates []struct {
				Index   int
				Content *struct {
					Role  string
					Parts []struct {
						FunctionCall *struct {
							Name string
							Args map[string]any
						} `json:"functionCall"`
					}
				}
				FinishReason string `json:"finishReason"`
			}
			Usage *struct {
				Prompt     int `json:"promptTokenCount"`
				Candidates int `json:"candidatesTokenCount"`
				Thoughts   int `json:"thoughtsTokenCount"`
				ToolPrompt int `json:"toolUsePromptTokenCount"`
				Total      int `json:"totalTokenCount"`
			} `json:"usageMetadata"`
			Error *struct {
				Code    int
				Status  string
				Message string
			}
		}
		if err := json.Unmarshal([]byte(frame), &f); err != nil {
			t.Fatalf("frame %d: %v\n%s", i, err, frame)
		}
		if f.Error != nil {
			if !failed || i != len(frames)-1 || f.Error.Status == "" || f.Error.Code == 0 {
				t.Errorf("an error in frame %d of %d: %s", i, len(frames), frame)
			}
			continue
		}
		for _, c := range f.Candidates {
			if finished[c.Index] {
				t.Errorf("candidate %d goes on after its end: %s", c.Index, frame)
			}
			finished[c.Index] = c.FinishReason != ""
			if c.Content == nil {
				continue
			}
			for _, p := range c.Content.Parts {
				if p.FunctionCall != nil && (p.FunctionCall.Name == "" || p.FunctionCall.Args == nil) {
					t.Errorf("a call that is not whole: %s", frame)
				}
			}
		}
		if u := f.Usage; u != nil {
			used = i
			if u.Total != 0 && u.Total < u.Prompt+u.Candidates+u.Thoughts {
				t.Errorf("usage does not add up: %s", frame)
			}
		}
	}
	if failed {
		return
	}
	for i, ok := range finished {
		if !ok {
			t.Errorf("candidate %d does not end:\n%s", i, out)
		}
	}
	if used != 0 && used != len(frames)-1 {
		t.Errorf("the last usage is in frame %d of %d", used, len(frames))
	}
}
