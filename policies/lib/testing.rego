# METADATA
# scope: package
# title: For tests
# description: >-
#   An input to start a test from, so that it states only what it is about:
#   with input as testing.request({"principal": {"attributes": {"region": "EU"}}})
package sallyport.testing

# METADATA
# title: Request
# description: >-
#   An input in which nothing was found, by an authenticated tenant, with one
#   candidate of each posture named after it; changes are merged into it, objects
#   member by member.
# custom: {offered: true}
request(changes) := object.union(base, changes)

# METADATA
# title: Found
# description: Changes that make the classifier have found the kind with the score.
# custom: {offered: true}
found(classifier, kind, score) := {"classifiers": {classifier: {"findings": {kind: {"count": 1, "max_score": score}}}}}

# METADATA
# title: Codes
# description: The codes of a package's reasons, such as of its deny.
# custom: {offered: true}
codes(reasons) := {reason.code | some reason in reasons}

# METADATA
# title: Excluded
# description: The targets that a package's exclude names with this code.
# custom: {offered: true}
excluded(exclude, code) := {target |
	some target, reasons in exclude
	some reason in reasons
	reason.code == code
}

base := {
	"time": "2026-01-02T03:04:05Z",
	"request": {
		"dialect": "openai-chat",
		"operation": "chat",
		"model": "auto",
		"stream": false,
		"prompt_tokens": 100,
		"prompt_bytes": 400,
		"max_output_tokens": 0,
		"messages": 1,
		"tools": [],
		"modalities": ["text"],
		"metadata": {},
		"headers": {},
	},
	"principal": {"id": "tester", "tenant": "acme", "roles": [], "attributes": {}, "authenticated": true},
	"classifiers": {
		"pii": {"findings": {}, "scores": {}},
		"secrets": {"findings": {}, "scores": {}},
		"complexity": {"findings": {}, "scores": {"complexity": 0.5}},
	},
	"budget": {"ttft_ms": 2000, "tpot_ms": 0, "total_ms": 60000},
	"usage": {"spent_usd": {"hour": 0, "day": 0, "month": 0}, "requests_per_minute": 0},
	"targets": {posture: target |
		some posture, cost in {"cloud": 0.004, "gpu_cluster": 0.001, "edge": 0, "air_gapped": 0.002}
		target := {
			"target": posture,
			"posture": posture,
			"dialect": "openai",
			"jurisdiction": "EU",
			"attributes": {},
			"model": "small",
			"quality": 50,
			"cost_estimate_usd": cost,
			"healthy": true,
			"stand_in": false,
		}
	},
}
