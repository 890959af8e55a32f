# METADATA
# scope: package
# title: Spend
# description: >-
#   The tenant's attribute monthly_usd caps what it may spend in a UTC month. A
#   cap that cannot be read denies: somebody meant to set one.
package sallyport.rules.spend

# METADATA
# title: Monthly cap
# labels: {control: "OWASP-LLM10"}
deny contains {"code": "spend_cap", "message": "the tenant's monthly cap is spent"} if {
	readable
	input.usage.spent_usd.month >= to_number(cap)
}

# METADATA
# title: Unreadable cap
# labels: {control: "OWASP-LLM10"}
deny contains {"code": "spend_cap_unreadable", "message": "the tenant's attribute monthly_usd is not an amount in US dollars"} if {
	cap
	not readable
}

cap := input.principal.attributes.monthly_usd

readable if regex.match(`^[0-9]+(\.[0-9]+)?$`, cap)
