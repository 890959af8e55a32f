package main

import (
	"encoding/json"
	"slices"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
	ctyjson "github.com/zclconf/go-cty/cty/json"

	"github.com/sallyport-ai/sallyport/targets/block"
)

// alwaysHidden are attributes that are never shown, wherever their value came
// from.
var alwaysHidden = []string{"secret", "sha256", "api_key", "headers", "token"}

// redactedView is a configuration as JSON for /config: every block and attribute
// with its value, but for what came from env() or file().
func redactedView(body hcl.Body, ctx *hcl.EvalContext) map[string]any {
	view := map[string]any{}
	native, ok := body.(*hclsyntax.Body)
	if !ok {
		return view
	}
	for name, a := range native.Attributes {
		view[name] = redactedValue(name, a.Expr, ctx)
	}
	for _, b := range native.Blocks {
		at := view
		for _, key := range append([]string{b.Type}, b.Labels...) {
			next, ok := at[key].(map[string]any)
			if !ok {
				next = map[string]any{}
				at[key] = next
			}
			at = next
		}
		for k, v := range redactedView(b.Body, ctx) {
			at[k] = v
		}
	}
	return view
}

func redactedValue(name string, expr hcl.Expression, ctx *hcl.EvalContext) any {
	v, diags := block.Evaluate(expr, ctx)
	plain, secret := block.Sensitive(v)
	if secret || diags.HasErrors() || slices.Contains(alwaysHidden, name) {
		return block.Hidden
	}
	b, err := json.Marshal(ctyjson.SimpleJSONValue{Value: plain})
	if err != nil {
		return block.Hidden
	}
	return json.RawMessage(b)
}
