# METADATA
# scope: package
# title: Payment cards
# description: A prompt with a payment card number is served in the air gap or not at all.
package sallyport.rules.payment_cards

import data.sallyport.rules.settings

# METADATA
# title: Card numbers stay in the air gap
# labels: {control: "PCI-3"}
exclude[target] contains {"code": "payment_card", "message": "payment card numbers are served in the air gap only"} if {
	data.sallyport.found("CREDIT_CARD", settings.threshold)
	some target, t in input.targets
	t.posture != "air_gapped"
}
