package main

import "strings"

// parts are what a topic of exam C has in place of those of A and B.
type parts struct {
	labels, prose, nearProse []string
	draw                     func(g *gen) value // nil: the topic's own
}

var carriersC = []string{
	"{L}:\t{V}\n",
	"{L}={V}; team={w}",
	"BEGIN:VCARD\nORG:{w}\nNOTE:{L} {V}\nEND:VCARD\n",
	"resource \"customer\" \"{w}\" {\n  {l} = \"{V}\"\n  active = true\n}",
	"SELECT * FROM accounts WHERE {l} = '{V}' LIMIT {n};",
	"  \"{l}\" : \"{V}\",\n  \"dept\" : \"{w}\"",
	"{d} {t}:09,114 DEBUG [worker-{n}] Validator - {l}: '{V}' accepted",
	"<input name=\"{l}\" value=\"{V}\">",
	"{t} <mia> {L} is {V}\n{t} <jon> noted",
	"{L} : {V}\nGestellt am : {d}\n",
	"| {d} | {w} | {L}: {V} |",
	"Fwd: Re: {w}\n\nHello,\n{L} {V} as discussed.\nBR",
	"@dataclass\nclass Row:\n    {l}: str = \"{V}\"\n    team: str = \"{w}\"\n",
	"## {w}\n\n- [x] {L}: `{V}`\n- [ ] signature\n",
	"Extract the fields: {L} {V} / dept {w} / {d}",
	"<dt>{L}</dt><dd>{V}</dd>",
	"{ \"data\": { \"{w}\": { \"{l}\": \"{V}\" } } }",
	"Page {n} of 99\n{L}          {V}\nDepartment       {w}\n",
	"[{d}] {w}.{l} changed: \"-\" -> \"{V}\"",
	"map.put(\"{l}\", \"{V}\");",
	"user,{l}\n{w},{V}\n{w},{V}\n",
	"?{l}={V}&dept={w}",
	"Re {L} ({V}) - please confirm by {d}",
	"{L}, as given by the caller: {V}. Case {n} closed.",
}

var wordsC = strings.Fields("anchor barrel candle desert engine falcon glacier hammer igloo jungle kitchen ladder magnet nickel oyster pillow quiver ribbon shovel tunnel velvet walnut")

// partsC are those of the topics with draws of their own; the national ids are
// in nationalsC.
var partsC = map[string]parts{
	"email": {
		labels: []string{"Email address", "e-mail addr.", "Mailadresse", "adresse mél", "correo electrónico", "indirizzo e-mail", "owner", "assignee", "To", "Kontakt E-Mail", "username", "电子邮件"},
		prose: []string{
			"Could you invite {V} to the call?", "Delivery to {V} failed permanently: 550 no such user", "Bounce: {V}, {V}", "Schick es bitte an {V}.", "Vous pouvez répondre à {V} directement.", "Mándalo a {V} por favor",
			"<{V}> via {w} list", "I signed up as {V} but get no code", "Co-authored-by: {w} <{V}>", "assigned to {V} at {t}", "Stuur maar naar {V}.", "send mail to:{V}", "login for {V} was refused {n} times", "{V} heeft gereageerd", "邮箱是{V}，谢谢",
		},
		nearProse: []string{"We meet @ the {w} at {t}.", "npm i {w}@latest && npm i @scope/{w}", "Follow @{w} on the fediverse."},
		draw:      emailC,
	},
	"cards": {
		labels: []string{"Card no.", "Card #", "CCN", "Visa", "Mastercard", "Kartennr.", "Kreditkartennummer", "N° CB", "n.º de tarjeta", "carta di credito", "cartão", "numer karty", "creditcard", "card_num"},
		prose: []string{
			"Customer read me the card over the phone: {V}, exp 09/29.", "I typed {V} and it says invalid, why?", "Bitte die Reise von Kreditkarte {V} abbuchen, gültig bis 03/30.", "Ma CB {V} a été débitée deux fois.",
			"La tarjeta terminada hoy es {V}, caduca 05/28", "booking guaranteed with {V}", "Numer mojej karty to {V}.", "Cancel {V} and send me a new one.", "payment_method: card {V} declined (insufficient_funds)", "paid w/ {V} on {d}",
			"Mijn creditcard {V} werkt niet in {w}.", "Paguei com o cartão {V}.", "numero carta {V}, scadenza 11/27", "Chargeback for {V}, amount 80.00",
		},
		nearProse: []string{"Cards ending in {n}11 are affected by the recall.", "Which BIN ranges belong to debit cards? Table with {n} rows please."},
	},
	"iban": {
		labels: []string{"IBAN no.", "Kto.", "IBAN (neu)", "beneficiary account", "coordonnées bancaires", "cuenta bancaria", "conto corrente", "nr konta", "rekeningnummer", "Konto IBAN", "creditor account", "compte bancaire"},
		prose: []string{
			"Salary goes to {V} from next month.", "Bitte Gehalt künftig auf {V} überweisen.", "Mein neues Konto: {V}, ab {d}.", "Voici mon RIB : {V}", "Ingresa la fianza en {V}", "Bonifico a favore di {w}, IBAN {V}", "Mijn rekening is {V}",
			"refund to {V} failed with AC04", "Debtor {V} / Creditor {V}", "proszę o zwrot na {V}", "standing order from {V} to {V}", "Faktura kan betales til {V}.", "our bank details changed, use {V}", "Beløbet er overført til {V}",
		},
		nearProse: []string{"SEPA transfers need an IBAN but no BIC since 2016.", "The field IBAN holds up to 34 characters, page {n}."},
	},
	"phones": {
		labels: []string{"Tel. no.", "Ph", "Mob.", "Telefonnr.", "Tél.", "Tfno.", "Cel", "cell phone", "Tel/Fax", "Handynummer", "mobile no", "Festnetz", "n° de téléphone", "recapito", "telefonnummer", "numer telefonu", "telefone", "emergency contact", "hotline"},
		prose: []string{
			"My new mobile is {V}, save it.", "Ring the bell or phone {V}.", "Reach support on {V}, Mon-Fri.", "Bitte um Rückruf unter {V}.", "Handy: {V}, Festnetz: {V}", "Du kannst mich auf {V} anrufen", "Joignable au {V} après 18 h.", "Son numéro, c'est le {V}.",
			"Mi número es el {V}.", "Puedes llamar al {V} o mandar un WhatsApp.", "Il numero di casa è {V}.", "Je kunt bellen naar {V}", "Meu número é {V}", "Mój telefon to {V}.", "Puhelinnumeroni on {V}", "Mitt nummer är {V}.",
			"She texted from {V} at {t}", "Driver's phone {V} is off.", "Kind regards\n{w} Ltd\nPhone: {V}\nMobile: {V}", "please update the phone on my account to {V}", "I keep getting spam calls from {V}", "Delivery note: ring {V} on arrival.",
		},
		nearProse: []string{"Our phone lines are open from 8 to 18, press {n}.", "Tel Aviv 2026 3100 4500 visitors", "Bus 070 leaves at {t}, bus 171 at {t}.", "Mobile sales grew from 120 450 in 2024 to 180 900 units."},
	},
	"ip": {
		labels: []string{"IP addr", "src_ip", "dst_ip", "remote_addr", "Server-IP", "dirección IP", "indirizzo IP", "gateway", "nameserver", "clientIp", "listen", "Adres IP", "node"},
		prose: []string{
			"ssh admin@{V} hangs after the key exchange", "dial tcp {V}: i/o timeout", "nslookup returned {V}, should be {V}", "Please whitelist {V} for the {w} vendor.", "{V} is scanning us since {t}", "Meine IP ist {V}, bitte freischalten.",
			"Mon adresse est {V}, pourquoi suis-je bloqué ?", "La IP {V} aparece en la lista negra", "permit tcp host {V} any eq {n}", "kubelet on {V} is NotReady", "{d}T{t}:00Z client={V} path=/{w} status=499", "bind {V}; allow {V};", "sudden logins from {V} - is this you?",
			"SRC={V} DST={V} LEN={n} PROTO=TCP",
		},
		nearProse: []string{"Chapter 3.2.1.4 of the {w} handbook", "v1.18.0.2 crashes, v1.17.9.4 works", "Kick-off {t}:00, score 2:1, ratio 4:3:2"},
		draw:      ipC,
	},
	"mac": {
		labels: []string{"MAC addr", "Hardware-Adresse", "wlan0", "client_mac", "dirección MAC", "eth addr", "device mac", "adres MAC"},
		prose: []string{
			"The camera {V} does not get an address.", "DHCPDISCOVER from {V} via br{n}", "wlan0: authenticate with {V}", "Please register {V} for the office network.", "Gerät {V} bitte sperren", "port security violation, address {V} on gi1/0/{n}", "{V} roamed from {V}",
			"bloquea {V} en el router", "Bluetooth: disconnected {V}", "hostapd: STA {V} associated",
		},
		nearProse: []string{"Use a MAC filter on the {w} router?", "SHA-256 HMAC at {t}:{n}:07:09"},
	},
	"crypto": {
		labels: []string{"BTC wallet", "ETH", "receiving address", "Bitcoin-Adresse", "dirección de la billetera", "indirizzo wallet", "payout wallet", "adres portfela", "refund_address", "from_address"},
		prose: []string{
			"I sent coins to {V} by mistake.", "The ransom note names {V}.", "Bitte auszahlen an {V}", "Mon adresse de dépôt est {V}.", "Deposita en {V} antes de {t}", "Outgoing transfer to {V} pending", "Who controls {V}?", "airdrop for {V} and {V}", "label {V} as cold storage", "sweep {V} into {V}",
		},
		nearProse: []string{"Gas was {n} gwei at {t}.", "An address on the test network starts with tb1 or m."},
	},
	"date_of_birth": {
		labels: []string{"Date of Birth", "d.o.b", "Geb.-Datum", "geboren am", "née le", "F. nac.", "fecha nac.", "data de nascimento", "nato/a il", "geboortedatum", "födelsedatum", "data ur.", "patient_dob", "birth_date", "syntymäaika"},
		prose: []string{
			"The claimant was born on {V}.", "Her son, born {V}, starts school this year.", "Pt DOB {V}, presents with fever.", "Das Kind wurde am {V} geboren.", "Versicherte, geb. {V}, wohnt in {w}.", "Mon fils est né le {V}.", "Mi hija nació el {V}.", "Sono nata il {V}.", "Nasci em {V}.",
			"Ik ben geboren op {V}", "Urodziłem się {V}.", "Please correct my date of birth to {V}.", "birthday is {V}, can I retire at 63?", "DOB on the licence reads {V}",
		},
		nearProse: []string{"The statute of {d} replaces that of 4 May 1998.", "Shipped 03/11/2025, arrived 17/11/2025.", "In 1969-07-20 terms, what is the Julian date?"},
		draw:      birthdayC,
	},
}

// partsOf are a topic's labels and sentences in a set.
func (tp *topic) partsOf(set Set) parts {
	if set != C {
		return parts{tp.labels[set], tp.prose[set], tp.nearProse[set], tp.draw}
	}
	p, ok := partsC[tp.name]
	if !ok {
		p = nationalPartsC(tp.kind)
	}
	if p.draw == nil {
		p.draw = tp.draw
	}
	return p
}
