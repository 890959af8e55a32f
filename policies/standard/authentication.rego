# METADATA
# scope: package
# title: Authentication
# description: >-
#   A request without credentials reaches policy only where the configuration
#   lets anonymous requests through; its principal is then "anonymous". Such a
#   request may be served locally or by a stand-in, but nobody's prompt goes to a
#   cloud provider without a name.
package sallyport.rules.authentication

# METADATA
# title: Unauthenticated
# description: A principal that is neither authenticated nor let through as anonymous.
# labels: {control: "NIST-AC-3"}
deny contains {"code": "unauthenticated", "message": "the request has no valid credentials"} if {
	not input.principal.authenticated
	not anonymous
}

# METADATA
# title: Anonymous requests stay out of the cloud
# labels: {control: "NIST-AC-14"}
exclude[target] contains {"code": "anonymous_cloud", "message": "anonymous requests do not leave to the cloud"} if {
	not input.principal.authenticated
	some target, facts in input.targets
	facts.posture == "cloud"
	not facts.stand_in
}

anonymous if input.principal.id == "anonymous"
