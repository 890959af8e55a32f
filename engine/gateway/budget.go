package gateway

import (
	"fmt"
	"strconv"
	"time"

	"github.com/valyala/fasthttp"

	"github.com/sallyport-ai/sallyport/engine"
)

// The headers a client states its budget in. The three times are whole
// milliseconds.
const (
	headerTTFT   = "x-slo-ttft-ms"
	headerTPOT   = "x-slo-tpot-ms"
	headerTotal  = "x-slo-total-ms"
	headerOnMiss = "x-slo-on-miss"

	// maxBudgetMs is a day. A longer budget is more likely a unit mistaken than a
	// wish.
	maxBudgetMs = 86_400_000
)

// headerBudget overlays the budget that the body stated with the one in the
// headers, field by field: the header wins.
func headerBudget(h *fasthttp.RequestHeader, b engine.Budget) (engine.Budget, *engine.RequestError) {
	for _, f := range []struct {
		name string
		to   *time.Duration
	}{{headerTTFT, &b.TTFT}, {headerTPOT, &b.TPOT}, {headerTotal, &b.Total}} {
		v, stated, err := single(h, f.name)
		if err != nil {
			return b, err
		}
		if !stated {
			continue
		}
		ms, ok := parseMilliseconds(v)
		if !ok {
			return b, badHeader(f.name, fmt.Sprintf("must be a whole number of milliseconds from 1 to %d", maxBudgetMs))
		}
		*f.to = ms
	}
	v, stated, err := single(h, headerOnMiss)
	if err != nil {
		return b, err
	}
	if stated {
		switch m := engine.OnMiss(v); m {
		case engine.OnMissFinish, engine.OnMissCancel:
			b.OnMiss = m
		default:
			return b, badHeader(headerOnMiss, `must be "finish" or "cancel"`)
		}
	}
	return b, nil
}

func parseMilliseconds(v string) (time.Duration, bool) {
	if !digits(v) {
		return 0, false // ParseInt would take a sign
	}
	ms, err := strconv.ParseInt(v, 10, 64)
	if err != nil || ms < 1 || ms > maxBudgetMs {
		return 0, false
	}
	return time.Duration(ms) * time.Millisecond, true
}

// single returns the value of a header that may be sent once only: of two,
// nobody could say which one the client meant.
func single(h *fasthttp.RequestHeader, name string) (value string, stated bool, _ *engine.RequestError) {
	all := h.PeekAll(name)
	switch len(all) {
	case 0:
		return "", false, nil
	case 1:
		return string(all[0]), true, nil
	}
	return "", false, badHeader(name, "is sent more than once")
}

func badHeader(name, why string) *engine.RequestError {
	return &engine.RequestError{Status: fasthttp.StatusBadRequest, Code: engine.CodeMalformed, Field: name, Message: why}
}

func digits(s string) bool {
	for i := 0; i < len(s); i++ {
		if s[i] < '0' || s[i] > '9' {
			return false
		}
	}
	return s != ""
}
