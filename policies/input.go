package policies

import (
	"errors"
	"math"
	"strconv"

	"github.com/open-policy-agent/opa/v1/ast"

	"github.com/sallyport-ai/sallyport/engine"
)

// inputValue is in as Rego's input, straight from the struct: going through JSON
// costs more than a small policy does. It holds what in's JSON form holds, except
// that a nil slice or map is empty where encoding/json would write null, so that
// a policy may count and walk it. Strings are shared with in. A number that JSON
// cannot carry is an error: Rego would order it somewhere.
func inputValue(in *engine.Input) (ast.Value, error) {
	var b inputBuilder
	v := b.input(in)
	if b.notFinite {
		return nil, errors.New("the input holds a number that is not finite")
	}
	return v, nil
}

type inputBuilder struct{ notFinite bool }

func (b *inputBuilder) input(in *engine.Input) ast.Value {
	r := &in.Request
	u := &in.Usage
	return object(
		field("time", text(in.Time)),
		field("request", object(
			field("dialect", text(r.Dialect)),
			field("operation", text(r.Operation)),
			field("model", text(r.Model)),
			field("stream", ast.InternedTerm(r.Stream)),
			field("prompt_tokens", ast.InternedTerm(r.PromptTokens)),
			field("prompt_bytes", ast.InternedTerm(r.PromptBytes)),
			field("max_output_tokens", ast.InternedTerm(r.MaxOutputTokens)),
			field("messages", ast.InternedTerm(r.Messages)),
			field("tools", texts(r.Tools)),
			field("modalities", texts(r.Modalities)),
			field("metadata", textMap(r.Metadata)),
			field("headers", textMap(r.Headers)),
		)),
		field("principal", object(
			field("id", text(in.Principal.ID)),
			field("tenant", text(in.Principal.Tenant)),
			field("roles", texts(in.Principal.Roles)),
			field("attributes", textMap(in.Principal.Attributes)),
			field("authenticated", ast.InternedTerm(in.Principal.Authenticated)),
		)),
		field("classifiers", objectOf(in.Classifiers, b.classifier)),
		field("budget", object(
			field("ttft_ms", ast.InternedTerm(in.Budget.TTFTMs)),
			field("tpot_ms", ast.InternedTerm(in.Budget.TPOTMs)),
			field("total_ms", ast.InternedTerm(in.Budget.TotalMs)),
		)),
		field("usage", object(
			field("spent_usd", object(
				field("hour", b.number(u.SpentUSD.Hour)),
				field("day", b.number(u.SpentUSD.Day)),
				field("month", b.number(u.SpentUSD.Month)),
			)),
			field("requests_per_minute", ast.InternedTerm(u.RequestsPerMinute)),
		)),
		field("targets", objectOf(in.Targets, b.target)),
	).Value
}

func (b *inputBuilder) classifier(f engine.ClassifierFacts) *ast.Term {
	members := make([][2]*ast.Term, 0, 3)
	if f.Findings != nil {
		members = append(members, field("findings", objectOf(f.Findings, func(f engine.FindingFacts) *ast.Term {
			return object(
				field("count", ast.InternedTerm(f.Count)),
				field("max_score", b.number(f.MaxScore)),
			)
		})))
	}
	if f.Scores != nil {
		members = append(members, field("scores", objectOf(f.Scores, b.number)))
	}
	if f.Error != "" {
		members = append(members, field("error", text(f.Error)))
	}
	return object(members...)
}

func (b *inputBuilder) target(t engine.TargetFacts) *ast.Term {
	return object(
		field("target", text(t.Target)),
		field("posture", text(t.Posture)),
		field("dialect", text(t.Dialect)),
		field("jurisdiction", text(t.Jurisdiction)),
		field("attributes", textMap(t.Attributes)),
		field("model", text(t.Model)),
		field("quality", b.number(t.Quality)),
		field("cost_estimate_usd", b.number(t.CostEstimate)),
		field("healthy", ast.InternedTerm(t.Healthy)),
		field("stand_in", ast.InternedTerm(t.StandIn)),
	)
}

// memberNames are the terms of the input's member names, made once: they are half
// of all terms of an input.
var memberNames = func() map[string]*ast.Term {
	terms := map[string]*ast.Term{}
	for _, name := range []string{
		"time", "request", "dialect", "operation", "model", "stream", "prompt_tokens", "prompt_bytes",
		"max_output_tokens", "messages", "tools", "modalities", "metadata", "headers", "principal", "id",
		"tenant", "roles", "attributes", "authenticated", "classifiers", "budget", "ttft_ms", "tpot_ms",
		"total_ms", "usage", "spent_usd", "hour", "day", "month", "requests_per_minute", "targets",
		"findings", "count", "max_score", "scores", "error", "target", "posture", "jurisdiction",
		"quality", "cost_estimate_usd", "healthy", "stand_in",
	} {
		terms[name] = ast.StringTerm(name)
	}
	return terms
}()

func field(name string, value *ast.Term) [2]*ast.Term {
	return [2]*ast.Term{memberNames[name], value}
}

func object(members ...[2]*ast.Term) *ast.Term { return ast.NewTerm(ast.NewObject(members...)) }

func objectOf[V any](m map[string]V, term func(V) *ast.Term) *ast.Term {
	members := make([][2]*ast.Term, 0, len(m))
	for k, v := range m {
		members = append(members, [2]*ast.Term{text(k), term(v)})
	}
	return object(members...)
}

func textMap(m map[string]string) *ast.Term {
	if len(m) == 0 {
		return ast.InternedEmptyObject
	}
	return objectOf(m, text)
}

func texts(ss []string) *ast.Term {
	if len(ss) == 0 {
		return ast.InternedEmptyArray
	}
	terms := make([]*ast.Term, len(ss))
	for i, s := range ss {
		terms[i] = text(s)
	}
	return ast.ArrayTerm(terms...)
}

func text(s string) *ast.Term { return ast.StringTerm(s) }

// number is f in the digits that encoding/json would give it, so that an input
// built here and the same input read back from a record are the same value.
func (b *inputBuilder) number(f float64) *ast.Term {
	if math.IsNaN(f) || math.IsInf(f, 0) {
		b.notFinite = true
		return ast.InternedTerm(0)
	}
	if i := int64(f); float64(i) == f && i > -1e15 && i < 1e15 {
		return ast.InternedTerm(i)
	}
	return ast.NewTerm(ast.Number(strconv.FormatFloat(f, 'g', -1, 64)))
}
