package engine

import (
	"fmt"
	"net/http"
)

// misfit is a candidate that cannot take the request as it is.
type misfit struct {
	key string
	why *RequestError // nil: nobody knows
}

// fits is what has been found out about the candidates of one request.
type fits struct {
	byForm  map[string]fit
	misfits []misfit // by key
}

// fit is what Forwarder.Fit said.
type fit struct {
	losses []Loss
	why    *RequestError
}

// fit finds out what of the request would be lost on its way to the candidate,
// once for all candidates of one form. Policy has spoken by then, so a request is
// written only for who may have it. It is false where the candidate cannot take it.
func (x *exchange) fit(known *fits, c *Candidate) (Reason, bool) {
	f, ok := known.byForm[c.Form]
	if !ok {
		f.losses, f.why = x.snap.Forwarder.Fit(x.req, c, x.maxOutput)
		if c.Form != "" {
			if known.byForm == nil {
				known.byForm = map[string]fit{}
			}
			known.byForm[c.Form] = f
		}
	}
	if f.why != nil {
		known.misfits = append(known.misfits, misfit{c.Key, f.why})
		return Reason{Code: ReasonUnsupportedField, Rule: "engine", Message: f.why.Error()}, false
	}
	if len(f.losses) > 0 && x.out.Decision.Obligations.Lossy == LossyDeny {
		why := lost(&f.losses[0])
		known.misfits = append(known.misfits, misfit{c.Key, why})
		return Reason{Code: ReasonLossy, Rule: "engine", Message: why.Error()}, false
	}
	c.Losses = f.losses
	return Reason{}, true
}

// lost is why a loss that policy denies keeps the request from a candidate.
func lost(l *Loss) *RequestError {
	e := &RequestError{Status: http.StatusBadRequest, Code: ReasonLossy, Field: l.Field}
	switch {
	case l.How == LossDropped:
		e.Message = "it would be left out, and policy permits no loss"
	case l.To == "":
		e.Message = "it would be approximated, and policy permits no loss"
	default:
		e.Message = fmt.Sprintf("it would become %s, and policy permits no loss", l.To)
	}
	return e
}

// refuseField refuses a request that every candidate which policy permits is
// unable to take; the first of them says why.
func (x *exchange) refuseField(m *misfit) bool {
	x.unsupported(m)
	x.out.Action = ActionDeny
	x.out.Reasons = append(x.out.Reasons, Reason{Code: x.out.Code, Rule: "engine", Message: x.out.Message})
	return false
}

// unsupported tells the client which field no target can take, and of a target why,
// where policy lets it know of targets.
func (x *exchange) unsupported(m *misfit) {
	o := &x.out
	o.Status, o.Code, o.Message = http.StatusBadRequest, CodeUnsupportedField, "no permitted target can take this request as it is"
	if m.why == nil {
		return
	}
	if o.Field = m.why.Field; o.Field != "" {
		o.Message = fmt.Sprintf("no permitted target can take %s as it is", o.Field)
	}
	if o.Disclose {
		o.Message += fmt.Sprintf("; target %q: %s", m.key, m.why.Message)
	}
}
