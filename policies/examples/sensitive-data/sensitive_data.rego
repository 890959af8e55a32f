# METADATA
# scope: package
# title: Sensitive data
# description: >-
#   Each kind of personal data and of secrets has a treatment, which is data
#   (handling/data.yaml). Of several findings each gets its own, and the request
#   goes only where all of them let it.
package sallyport.rules.sensitive_data

# METADATA
# title: Kinds that go nowhere
# labels: {control: "ISO27001-A.8.12"}
deny contains {"code": "kind_denied", "message": "the prompt holds what no model may see"} if {
	"deny" in treatments
}

# METADATA
# title: A treatment that is none
# description: Somebody meant one, and nobody knows which.
# labels: {control: "NIST-CM-6"}
deny contains {"code": "treatment_unknown", "message": message} if {
	some kind, treatment in treated
	not treatment in {"deny", "air_gap", "local", "redact", "ignore"}
	message := sprintf("data.handling gives %s a treatment that does not exist", [kind])
}

# METADATA
# title: Kinds that stay in the air gap
# labels: {control: "ISO27001-A.8.12"}
exclude[target] contains {"code": "air_gap_only", "message": "the prompt holds what is served in the air gap only"} if {
	"air_gap" in treatments
	some target, t in input.targets
	t.posture != "air_gapped"
}

# METADATA
# title: Kinds that stay out of the cloud
# labels: {control: "ISO27001-A.8.12"}
exclude[target] contains {"code": "not_in_the_cloud", "message": "the prompt holds what does not leave to the cloud"} if {
	"local" in treatments
	some target, t in input.targets
	t.posture == "cloud"
}

# METADATA
# title: What nobody has read stays out of the cloud
# labels: {control: "ISO27001-A.8.12"}
exclude[target] contains {"code": "unread", "message": "not all of the prompt has been read, so it does not leave to the cloud"} if {
	data.sallyport.unread(data.handling.classifiers)
	some target, t in input.targets
	t.posture == "cloud"
}

# METADATA
# title: Kinds that are replaced
# labels: {control: "GDPR-25"}
obligation.redact contains kind if {
	some kind, "redact" in treated
}

# METADATA
# title: The client gets back what it sent
# labels: {control: "GDPR-25"}
obligation.restore if "redact" in treatments

# By kind found, its treatment.
treated[kind] := treatment if {
	some kind in data.sallyport.kinds_found(data.handling.threshold)
	treatment := data.handling.kinds[kind]
}

treated[kind] := data.handling.secrets if {
	some kind in (data.sallyport.secret_kinds & data.sallyport.kinds_found(data.handling.threshold))
	not data.handling.kinds[kind]
}

treated[kind] := data.handling.personal if {
	some kind in (data.sallyport.personal_kinds & data.sallyport.kinds_found(data.handling.threshold))
	not data.handling.kinds[kind]
}

treatments := {treatment | some treatment in treated}
