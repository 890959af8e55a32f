package engine

// Shadow is asked beside the policy in force what it would have decided. Nothing
// comes of its answer.
//
// Decided is safe for concurrent use and returns at once, whatever that costs the
// comparison. It is told of each decision about a client's request after its record
// was written; input documents that a client made up are left out. d is nil where
// the policy failed on the input. Shadow may keep in and d, which nobody changes.
type Shadow interface {
	Revision() string // of the candidate policy
	Decided(id string, seq uint64, in *Input, d *Decision)
}

// shadowed hands a recorded decision on.
func (x *exchange) shadowed() {
	if x.snap.Shadow == nil || x.req == nil {
		return
	}
	for _, r := range x.out.Reasons {
		if r.Code == ReasonPolicyInterrupted {
			return // nobody knows what the policy would have said
		}
	}
	x.snap.Shadow.Decided(x.out.DecisionID, x.out.Seq, x.in, x.out.Decision)
}
