package sallyport

# METADATA
# title: Kinds of personal data
# description: >-
#   Finding kinds that say something about a natural person, in Presidio's names
#   where it has one and in the same pattern else. Kinds of companies (VAT and
#   company numbers), dates and URLs are not among them.
# custom: {offered: true}
personal_kinds := {
	"AU_MEDICARE",
	"AU_TFN",
	"BR_CPF",
	"CA_SIN",
	"CREDIT_CARD",
	"CRYPTO",
	"DATE_OF_BIRTH",
	"DE_TAX_ID",
	"EMAIL_ADDRESS",
	"ES_NIE",
	"ES_NIF",
	"FI_PERSONAL_IDENTITY_CODE",
	"FR_NIR",
	"IBAN_CODE",
	"IN_AADHAAR",
	"IN_PAN",
	"IN_PASSPORT",
	"IN_VEHICLE_REGISTRATION",
	"IN_VOTER",
	"IP_ADDRESS",
	"IT_DRIVER_LICENSE",
	"IT_FISCAL_CODE",
	"IT_IDENTITY_CARD",
	"IT_PASSPORT",
	"KR_RRN",
	"LOCATION",
	"MAC_ADDRESS",
	"MEDICAL_LICENSE",
	"NRP",
	"PASSPORT",
	"PERSON",
	"PHONE_NUMBER",
	"PL_PESEL",
	"SG_NRIC_FIN",
	"TH_TNIN",
	"UK_NHS",
	"UK_NINO",
	"UK_PASSPORT",
	"US_BANK_NUMBER",
	"US_DRIVER_LICENSE",
	"US_ITIN",
	"US_MBI",
	"US_PASSPORT",
	"US_SSN",
}

# METADATA
# title: Kinds of secrets
# description: >-
#   Every kind of this request whose name begins with SECRET_, so that a new
#   detector's kinds are covered on the day it is loaded.
# custom: {offered: true}
secret_kinds contains kind if {
	some facts in input.classifiers
	some kind, _ in facts.findings
	startswith(kind, "SECRET_")
}

# METADATA
# title: Found
# description: Some classifier found this kind with at least this score.
# custom: {offered: true}
found(kind, score) if {
	some facts in input.classifiers
	facts.findings[kind].max_score >= score
}

# METADATA
# title: Kinds found
# description: The kinds that some classifier found with at least this score.
# custom: {offered: true}
kinds_found(score) := {kind |
	some facts in input.classifiers
	some kind, finding in facts.findings
	finding.max_score >= score
}

# METADATA
# title: Unread
# description: >-
#   Not all of the request has been read by these classifiers: one of them is
#   missing or failed, or there is content other than text, which none reads. What
#   nobody has read may hold anything.
# custom: {offered: true}
unread(classifiers) if {
	some name in classifiers
	not input.classifiers[name]
}

unread(classifiers) if {
	some name in classifiers
	input.classifiers[name].error
}

unread(_) if {
	some modality in input.request.modalities
	modality != "text"
}
