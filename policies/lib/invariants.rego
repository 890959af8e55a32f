package sallyport

# METADATA
# title: Permitted
# description: >-
#   For invariants: the candidates that the decision lets the request go to, none
#   where it denies. Rule packages cannot read it, for it is made of what they say.
permitted contains key if {
	decision.allow
	some key, _ in input.targets
	not decision.exclude[key]
}
