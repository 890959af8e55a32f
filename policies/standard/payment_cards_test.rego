package sallyport.rules.payment_cards_test

import data.sallyport.rules.payment_cards
import data.sallyport.testing

test_card_stays_in_the_air_gap if {
	req := testing.request(testing.found("pii", "CREDIT_CARD", 0.9))
	object.keys(payment_cards.exclude) == {"cloud", "gpu_cluster", "edge"} with input as req with data.sallyport.settings as {}
}

test_no_card if {
	req := testing.request(testing.found("pii", "EMAIL_ADDRESS", 1))
	count(payment_cards.exclude) == 0 with input as req with data.sallyport.settings as {}
}

test_doubtful_card_does_not_count if {
	req := testing.request(testing.found("pii", "CREDIT_CARD", 0.3))
	count(payment_cards.exclude) == 0 with input as req with data.sallyport.settings as {}
}
