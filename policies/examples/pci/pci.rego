# METADATA
# scope: package
# title: Cardholder data
# description: >-
#   Card numbers (PAN) are handled as PCI DSS 4.0 asks of whoever stores, processes
#   or transmits them. Keys and targets that are in scope say so in their attribute
#   "pci_scope"; everything else never has a card number.
package sallyport.rules.pci

# METADATA
# title: Card numbers go to targets in scope only
# description: >-
#   Where who asks is in scope, the number is sent as it is, to targets of the
#   cardholder data environment or of a provider with an agreement.
# labels: {control: ["PCI-DSS-3.2.1", "PCI-DSS-12.8.2"]}
exclude[target] contains {"code": "pan_out_of_scope", "message": "card numbers go to targets in PCI scope only"} if {
	pan
	key_in_scope
	some target, t in input.targets
	not in_scope(t)
}

# METADATA
# title: What nobody has read may hold a card number
# labels: {control: "PCI-DSS-3.2.1"}
exclude[target] contains {"code": "pan_unread", "message": "not all of the prompt has been read for card numbers, so it goes to targets in PCI scope only"} if {
	data.sallyport.unread(data.cardholder.classifiers)
	some target, t in input.targets
	not in_scope(t)
}

# METADATA
# title: Only keys in scope may send what nobody can read
# labels: {control: "PCI-DSS-7.2.2"}
deny contains {"code": "pan_unread", "message": "not all of the prompt has been read for card numbers, and the key is not in PCI scope"} if {
	data.sallyport.unread(data.cardholder.classifiers)
	not key_in_scope
}

# METADATA
# title: Keys out of scope send no card numbers
# description: >-
#   The number is replaced before anything is sent, and not put back: the reply
#   shows the placeholder.
# labels: {control: ["PCI-DSS-3.4.1", "PCI-DSS-7.2.2"]}
obligation.redact contains "CREDIT_CARD" if {
	pan
	not key_in_scope
}

# METADATA
# title: No card number in the decision log
# description: >-
#   Whatever another package obliges to, no text is kept; kinds, counts and places
#   are.
# labels: {control: ["PCI-DSS-3.5.1", "PCI-DSS-10.2.1"]}
obligation.log := "metadata" if possible_pan

# METADATA
# title: Tools in a request with a card number
# labels: {control: "PCI-DSS-7.2.5"}
obligation.strip_tools contains name if {
	possible_pan
	some name in input.request.tools
	not name in data.cardholder.tools
}

# METADATA
# title: No second copy
# description: A card number is not sent to two targets at a time.
# labels: {control: "PCI-DSS-3.2.1"}
obligation.hedge := false if possible_pan

pan if data.sallyport.found("CREDIT_CARD", data.cardholder.threshold)

possible_pan if pan

possible_pan if data.sallyport.unread(data.cardholder.classifiers)

key_in_scope if input.principal.attributes.pci_scope == "in"

in_scope(target) if target.attributes.pci_scope == "in"
