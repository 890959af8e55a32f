# METADATA
# scope: package
# title: Allow-lists
# description: >-
#   Which models and which tools a role may use (roles/data.yaml). What is on no
#   list of the key's roles is not used: a key without a known role uses nothing.
package sallyport.rules.allow_lists

# METADATA
# title: Models that no role lists
# labels: {control: "ISO27001-A.5.15"}
exclude[target] contains {"code": "model_not_listed", "message": "none of the key's roles may use this model"} if {
	some target, t in input.targets
	not listed("models", t.model)
}

# METADATA
# title: Tools that no role lists
# description: The model is not offered them. The request goes on without.
# labels: {control: "OWASP-LLM06"}
obligation.strip_tools contains tool if {
	some tool in input.request.tools
	not listed("tools", tool)
}

listed(what, name) if {
	some role in input.principal.roles
	some pattern in data.roles[role][what]
	glob.match(pattern, null, name)
}
