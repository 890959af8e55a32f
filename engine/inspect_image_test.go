package engine

import (
	"context"
	"testing"
)

// An image in a reply that policy obliges to be read ends it, unless policy wants a
// report alone: no classifier reads images.
func TestInspectedReplyWithImage(t *testing.T) {
	for _, on := range []string{OnFindingDeny, OnFindingRedact, "", OnFindingReport} {
		x := &exchange{req: &Request{Stream: true}}
		x.out.Decision = &Decision{Obligations: Obligations{OnCompletionFinding: on}}
		n := newInspector(context.Background(), x)
		f, err := n.frame(&Frame{Events: []Event{{Kind: EventImage, Name: "image/png", Data: []byte("AAAA")}}})
		if on == OnFindingReport {
			if err != nil || f == nil {
				t.Errorf("%q: %v", on, err)
			}
			continue
		}
		refused, ok := err.(*refusedReply)
		if !ok || f != nil || len(refused.reasons) != 1 || refused.reasons[0].Code != ReasonCompletionUnread || n.found.Action != OnFindingDeny {
			t.Errorf("%q: %v, %v", on, f, err)
		}
	}
}
