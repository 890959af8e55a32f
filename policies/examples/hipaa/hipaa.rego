# METADATA
# scope: package
# title: Health information
# description: >-
#   A covered tenant's prompt with an identifier is protected health information
#   (PHI), since no classifier knows what is about health: it is asked for a
#   permitted purpose by a role that may, it goes where there is an agreement, and
#   for research it goes without its identifiers. The details are data
#   (health/data.yaml).
package sallyport.rules.hipaa

# METADATA
# title: PHI goes where there is an agreement
# labels: {control: ["HIPAA-164.502(e)", "HIPAA-164.504(e)"]}
exclude[target] contains {"code": "no_baa", "message": "health information goes to targets with a business associate agreement only"} if {
	phi
	not deidentified
	some target, t in input.targets
	not agreed(t)
}

# METADATA
# title: PHI has a purpose
# labels: {control: ["HIPAA-164.502(b)", "HIPAA-164.506"]}
deny contains {"code": "purpose_not_permitted", "message": "health information needs the metadata purpose with a value that the policy permits"} if {
	phi
	not purpose in data.health.purposes
	not deidentified
}

# METADATA
# title: PHI is for those who work with it
# labels: {control: ["HIPAA-164.308(a)(4)", "HIPAA-164.502(b)"]}
deny contains {"code": "role_not_permitted", "message": "none of the key's roles may use health information"} if {
	phi
	not deidentified
	not permitted_role
}

# METADATA
# title: Research gets no identifiers
# description: They are replaced before anything is sent, and not put back.
# labels: {control: "HIPAA-164.514(b)"}
obligation.redact contains kind if {
	deidentified
	some kind in identifiers_found
}

# METADATA
# title: No health information in the decision log
# labels: {control: ["HIPAA-164.312(b)", "HIPAA-164.502(b)"]}
obligation.log := "metadata" if covered

# METADATA
# title: No second disclosure
# description: The prompt is not sent to two targets at a time.
# labels: {control: "HIPAA-164.502(b)"}
obligation.hedge := false if phi

covered if input.principal.tenant in data.health.tenants

covered if "*" in data.health.tenants

phi if {
	covered
	count(identifiers_found) > 0
}

phi if {
	covered
	unread
}

identifiers_found := {kind |
	some kind in data.health.identifiers
	data.sallyport.found(kind, data.health.threshold)
}

# An identifier that nobody has seen cannot be taken out.
deidentified if {
	covered
	purpose in data.health.deidentified
	not unread
}

unread if data.sallyport.unread(data.health.classifiers)

default purpose := ""

purpose := input.request.metadata.purpose

permitted_role if {
	some role in input.principal.roles
	role in data.health.roles
}

agreed(target) if target.posture in data.health.own

agreed(target) if target.attributes.baa != ""
