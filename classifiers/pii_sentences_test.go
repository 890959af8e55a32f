package classifiers

import (
	"math/rand/v2"
	"slices"
	"strings"
)

// A piiSplit is a set of sentences with what is to be found in them: one to set
// scores by, and one that is only graded. They share no sentence and no region of
// phone numbers.
type piiSplit struct {
	seed    uint64
	regions string
	told    map[string]string // by kind; "|" between them, V for the value
	alone   string
	noise   string
	nearby  string // noise after a word that speaks for a kind; one in twenty
}

var devSplit = piiSplit{
	seed:    11,
	regions: "US GB FR ES NL CH SE PL CZ TR IN KR SG BR MX RU RO TW TH VN NG CO AE IE",
	told: map[string]string{
		"PHONE_NUMBER":   "Call me at V.|phone: V|My cell is V, text me|{\"phoneNumber\":\"V\"}|Tel. V|Mobil: V|Appelez-moi au V|mi teléfono es V|телефон V|电话：V|tel=V;|You can reach me on V after six|V (mobile)|fax V",
		"CREDIT_CARD":    "My card number is V|Visa V exp 12/27|cc: V|{\"cardNumber\":\"V\"}|Meine Kreditkarte: V|carte bancaire V",
		"US_SSN":         "My SSN is V|social security number: V|ssn=V|{\"ssn\":\"V\"}|SSN V, please check",
		"US_ITIN":        "ITIN V|taxpayer id V|my ITIN is V",
		"UK_NHS":         "NHS number V|nhs no: V|His NHS number is V",
		"UK_NINO":        "NI number V|National Insurance: V|{\"nino\":\"V\"}",
		"FR_NIR":         "numéro de sécurité sociale V|NIR: V|Mon numéro de sécu est V",
		"DE_TAX_ID":      "Steuer-ID: V|meine Steueridentifikationsnummer lautet V|IdNr. V",
		"ES_NIF":         "DNI V|mi DNI es V|NIF: V",
		"ES_NIE":         "NIE V|mi NIE es V|documento V",
		"IT_FISCAL_CODE": "codice fiscale V|CF: V",
		"PL_PESEL":       "PESEL V|mój numer PESEL to V|pesel: V",
		"IN_AADHAAR":     "Aadhaar V|my aadhaar number is V|UIDAI: V",
		"IN_PAN":         "PAN: V|permanent account number V|income tax PAN V",
		"CA_SIN":         "SIN: V|my social insurance number is V|social insurance V|sin V",
		"AU_TFN":         "TFN: V|tax file number V|my TFN is V",
		"AU_MEDICARE":    "Medicare V|medicare number: V|Medicare card no. V",
		"BR_CPF":         "CPF V|meu CPF é V|cpf: V",
		"BR_CNPJ":        "CNPJ V|o CNPJ da empresa é V",
		"US_PASSPORT":    "passport number V|My passport is V|US passport no. V|{\"passport\":\"V\"}",
		"PASSPORT":       "British passport V|Reisepass Nr. V|deutscher Reisepass: V|passeport français V|pasaporte español V",
		"DATE_OF_BIRTH":  "born on V|DOB: V|date of birth V|geboren am V|née le V|fecha de nacimiento: V|{\"birthDate\":\"V\"}|d.o.b. V",
		"IP_ADDRESS":     "host V is down|ssh root V|client ip V",
		"CRYPTO":         "my wallet V|send BTC to V|ethereum address V",
	},
	alone:  "Please note V for later.|It is V.|{\"value\":\"V\"}|a,V,b|V|see (V)|use V here|> V|<td>V</td>|the value V was given\nthanks|key=V&x=1|- V\n- next",
	noise:  "The value is V here.|V|{\"x\":\"V\"}|see V, then go on|got V from the log|- V|a V b",
	nearby: "card declined, V|the phone rang, then V|V (passport desk)|born to code: V",
}

var heldSplit = piiSplit{
	seed:    13,
	regions: "CA DE IT BE AT NO DK FI PT GR IL ZA JP CN AU NZ AR UA HU HK MY PH ID SA EG KE CL",
	told: map[string]string{
		"PHONE_NUMBER":   "Please phone V to confirm|contact number V|her mobile number: V|Ruf mich an: V|Il mio cellulare è V|Meu celular é V|Telefon V|我的手机号码是V|customer.telephone -> V|<tel>V</tel>|reach us at V|whatsapp V",
		"CREDIT_CARD":    "charge the credit card V please|card_no V|payment by mastercard V|tarjeta de crédito V|PAN=V",
		"US_SSN":         "SSN V on the W-2|her social security no. is V|Social: V|employee_ssn: V",
		"US_ITIN":        "his ITIN V|the individual taxpayer number V",
		"UK_NHS":         "patient NHS no. V|NHS: V",
		"UK_NINO":        "NINO V|my national insurance number is V",
		"FR_NIR":         "sécurité sociale : V|n° INSEE V|carte vitale V",
		"DE_TAX_ID":      "Steuerliche Identifikationsnummer V|steuer_id=V|tax id V",
		"ES_NIF":         "con DNI V|nif=V|documento nacional de identidad V",
		"ES_NIE":         "con NIE V|NIE: V",
		"IT_FISCAL_CODE": "il mio codice fiscale è V|fiscal code V",
		"PL_PESEL":       "nr PESEL: V|{\"pesel\":\"V\"}",
		"IN_AADHAAR":     "aadhaar card V|Aadhaar no. V",
		"IN_PAN":         "PAN card V|pan_number: V",
		"CA_SIN":         "Her SIN is V|Social Insurance No. V|NAS : V",
		"AU_TFN":         "Tax File Number: V|tfn=V",
		"AU_MEDICARE":    "my Medicare number is V|medicare_no: V",
		"BR_CPF":         "o CPF dele é V|CPF nº V",
		"BR_CNPJ":        "empresa CNPJ V|cnpj=V",
		"US_PASSPORT":    "with passport V|passport no V, issued in Boston|passport_number: V",
		"PASSPORT":       "German passport V|passeport français no V|passaporto italiano V|Indian passport number V",
		"DATE_OF_BIRTH":  "she was born V in Oslo|birthday: V|Geburtsdatum V|date de naissance : V|data di nascita V|birth_date=V|patient, DOB V, male",
		"IP_ADDRESS":     "server V refused|login from V|ping V",
		"CRYPTO":         "btc: V|donate crypto to V|ether wallet V",
	},
	alone:  "I wrote down V yesterday.|What is V?|[\"V\", \"x\"]|one;V;two|  V  |It says V!|from V onwards|**V**|\"V\"|V, and so on",
	noise:  "What does V mean?|result: V|['V']|V; V|please check V again|row V of the table|pay V now",
	nearby: "contact us about V|credit score V|the social feed V|no passport, V",
}

// sentences are per for each kind, three times as many for phone numbers, half of
// them without a word for it where the form speaks for itself, and as many again
// that hold nothing.
func (s piiSplit) sentences(per int) []marked {
	v := piiValues{Rand: rand.New(rand.NewPCG(s.seed, 99)), regions: strings.Fields(s.regions)}
	var list []marked
	put := func(template, kind, value string) {
		list = append(list, unmark(strings.ReplaceAll(template, "\x00", "{"+kind+":"+value+"}")))
	}
	split := func(templates string) []string { return strings.Split(templates, "|") }
	alone := split(s.alone)
	kinds := []string{"EMAIL_ADDRESS", "CREDIT_CARD", "IBAN_CODE", "PHONE_NUMBER", "IP_ADDRESS", "MAC_ADDRESS", "CRYPTO"}
	for k := range s.told {
		if !slices.Contains(kinds, k) {
			kinds = append(kinds, k)
		}
	}
	slices.Sort(kinds)
	for _, kind := range kinds {
		told := split(s.told[kind])
		if s.told[kind] == "" {
			told = alone
		}
		times := per
		if kind == "PHONE_NUMBER" { // the kind with most forms
			times *= 3
		}
		for i := range times {
			var value string
			wants, bare := false, i%2 == 1
			switch kind {
			case "EMAIL_ADDRESS":
				value = v.email()
			case "CREDIT_CARD":
				value = v.card()
				wants = len(strings.NewReplacer(" ", "", "-", "").Replace(value)) == 12
			case "IBAN_CODE":
				value = v.iban()
			case "PHONE_NUMBER":
				value = v.phone(!bare)
			case "IP_ADDRESS":
				value = v.ip()
			case "MAC_ADDRESS":
				value = v.mac()
			case "CRYPTO":
				value = v.coin()
			default:
				value, wants = v.id(kind)
			}
			template := told[v.IntN(len(told))]
			if bare && !wants {
				template = alone[v.IntN(len(alone))]
			}
			put(fillIn(template), kind, value)
		}
	}
	noise, nearby := split(s.noise), split(s.nearby)
	for range per * len(kinds) {
		template := noise[v.IntN(len(noise))]
		if v.IntN(20) == 0 {
			template = nearby[v.IntN(len(nearby))]
		}
		list = append(list, marked{text: strings.ReplaceAll(fillIn(template), "\x00", v.negative())})
	}
	return list
}

// weak are sentences without a word for what is in them, in forms that say little.
func (s piiSplit) weak(n int) []marked {
	v := piiValues{Rand: rand.New(rand.NewPCG(s.seed, 98)), regions: strings.Fields(s.regions)}
	alone := strings.Split(s.alone, "|")
	var list []marked
	for i := range n {
		kind, value := v.weak()
		template := alone[v.IntN(len(alone))]
		switch {
		case kind == "CREDIT_CARD":
			template = "my card V"
		case i%10 == 0:
			kind, value, template = "PHONE_NUMBER", v.oddPhone(), "call me at V"
		}
		list = append(list, unmark(strings.ReplaceAll(fillIn(template), "\x00", "{"+kind+":"+value+"}")))
	}
	return list
}

// nationals are n national phone numbers without a word for them.
func (s piiSplit) nationals(n int) []marked {
	v := piiValues{Rand: rand.New(rand.NewPCG(s.seed, 97)), regions: strings.Fields(s.regions)}
	alone := strings.Split(s.alone, "|")
	var list []marked
	for len(list) < n {
		if value := v.phone(false); value[0] != '+' && value[:2] != "00" {
			list = append(list, unmark(strings.ReplaceAll(fillIn(alone[v.IntN(len(alone))]), "\x00", "{PHONE_NUMBER:"+value+"}")))
		}
	}
	return list
}

// fillIn marks the place of the value in a template, which is a V that is no part
// of a word.
func fillIn(template string) string {
	var b strings.Builder
	for i := range len(template) {
		if template[i] == 'V' && (i == 0 || !isWord(template[i-1])) && (i+1 == len(template) || !isWord(template[i+1])) {
			b.WriteByte(0)
		} else {
			b.WriteByte(template[i])
		}
	}
	return b.String()
}
