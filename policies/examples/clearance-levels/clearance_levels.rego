# METADATA
# scope: package
# title: Clearance levels
# description: >-
#   Every prompt has a level, the highest of what the client states, what its key's
#   work always is, and what was found in it. Who asks must be cleared for what is
#   stated, and where it goes for what it is. The levels are data
#   (levels/data.yaml).
package sallyport.rules.clearance_levels

# METADATA
# title: A level that is none
# description: A misspelt level must not count as the lowest.
# labels: {control: "ISO27001-A.5.12"}
deny contains {"code": "level_unknown", "message": "the request or its key states a level that the policy does not have"} if {
	some level in (work | {clearance})
	not rank(level)
}

# METADATA
# title: Who asks is not cleared
# labels: {control: "ISO27001-A.5.15"}
deny contains {"code": "not_cleared", "message": "the key is not cleared for the level of this work"} if {
	some level in work
	rank(level) > rank(clearance)
}

# METADATA
# title: A target is not cleared
# labels: {control: "ISO27001-A.5.14"}
exclude[target] contains {"code": "above_clearance", "message": "the target is not cleared for the level of this prompt"} if {
	some target, t in input.targets
	not cleared(t)
}

# A level's place in the order, 0 for the lowest; undefined: there is no such level.
rank(level) := place if {
	some place, name in data.levels.order
	name == level
}

# What people say about this prompt: the client, in a header or in metadata, and
# the key's attribute "classification", below which its work never is.
stated contains lower(input.request.headers["x-classification"])

stated contains lower(input.request.metadata.classification)

stated contains lower(input.principal.attributes.classification)

work := stated if count(stated) > 0

work := {data.levels.default} if count(stated) == 0

# What the classifiers say about it. It decides where the prompt may go, not
# whether the client may ask.
found contains data.levels.kinds[kind] if some kind in data.sallyport.kinds_found(0.5)

found contains data.levels.secrets if {
	some kind in (data.sallyport.secret_kinds & data.sallyport.kinds_found(0.5))
	not data.levels.kinds[kind]
}

found contains data.levels.personal if {
	some kind in (data.sallyport.personal_kinds & data.sallyport.kinds_found(0.5))
	not data.levels.kinds[kind]
}

found contains data.levels.unread if data.sallyport.unread(data.levels.classifiers)

# A key without the attribute is cleared for prompts that state nothing.
clearance := lower(input.principal.attributes.cleared_for)

clearance := data.levels.default if not input.principal.attributes.cleared_for

cleared(target) if {
	every level in work | found {
		rank(level) <= rank(clearance_of(target))
	}
}

clearance_of(target) := lower(target.attributes.cleared_for)

clearance_of(target) := data.levels.postures[target.posture] if not target.attributes.cleared_for
