// Package schedule orders the targets that policy permitted for a request, so
// that the request keeps its latency budget at little cost, and refuses at once
// what cannot keep it. It hides how times are predicted and how a prediction, a
// price and a preference become one number.
//
// # What is predicted
//
// For each target and model that has been seen, from nothing but the program's
// own attempts:
//
//   - the time to first token (TTFT), linear in the prompt's tokens and in the
//     prompt tokens of the attempts now in flight there;
//   - the time for each output token (TPOT), linear in the attempts and the
//     prompt tokens in flight;
//   - the number of output tokens.
//
// The linear parts are recursive least squares with forgetting, weights never
// negative. A drift factor on top of each follows a sudden slow-down within
// about ten attempts, long before the weights have moved. Around each prediction
// a histogram of the ratio actual/predicted says how far off it tends to be; the
// probability of meeting a budget is read from there. Before there are samples a
// prediction is the prior: the target's ttft_hint and tpot_hint or, without
// them, Config's.
//
// Attempts that were cut off before they showed what they would have taken are
// counted as "at least that long". To leave them out would make a target look
// the faster the more of its attempts are given up. A target that is not tried
// yields no samples, so what was learnt fades towards the prior with time;
// otherwise one bad minute would keep a target out for good.
//
// The interface tells of the begin and the end of an attempt but not of its
// first token, so the prompt tokens in flight include those of attempts that are
// already decoding. Their share is absorbed by the learnt weight; a backlog in
// front of a target that has stopped answering counts in full, which is what
// moves traffic off it.
//
// # How a plan is made
//
// A candidate's score is in US dollars for 1,000 requests:
//
//	score = prefer × ValuePerMet × P(meet) − 1000 × cost − LatencyPrice × predicted TTFT in seconds
//
// P(meet) is the probability that every stated budget is kept. For a stream
// TTFT, TPOT and total count; for any other request only the total, because a
// client that waits for the whole reply cannot see its first token. A candidate
// without a known price is costed like the dearest of the query, since an
// unknown price is not zero; a target that is free should say so.
//
// Attempts stand in falling order of score, healthy ones before unhealthy ones,
// equals by key. Before score counts whether a candidate's API can carry the whole
// request: one that loses nothing of it, and will more likely than not keep the
// budget, comes before those that do, unless policy prefers one of these. A candidate is left out, with its reason in Plan.Considered,
// where it asked for a pause, is at its concurrency limit, or has less than one
// chance in twenty of meeting the budget. Where that leaves nobody, the plan
// says which it was: Shed where an idle or rested target could have made it,
// Infeasible where not even that would do. Nothing but q.Permitted is ever in a
// plan, and the same facts give the same plan.
//
// # Sources
//
// The score is the drift-plus-penalty form of value against cost. The predictor
// (relative-error least squares, residual ratios against the prediction made at
// dispatch, a fast multiplicative factor) and the numbers in Config and the
// constants were found on a discrete-event simulation of ten heterogeneous
// engines under public request traces (Azure 2023 conversation and code). There
// refusing hopeless requests early was the largest single lever. The treatment
// of cut-off attempts is Efron's redistribution to the right ("The two sample
// problem with censored data", 1967).
package schedule
