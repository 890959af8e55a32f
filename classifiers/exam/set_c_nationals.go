package main

import "strings"

// nationalsC are the national ids' labels, parted by |, and sentences, parted by
// a line's end.
var nationalsC = map[string][2]string{
	"US_SSN": {"Social Security|SSN/TIN|SocSec No|employee_ssn|SSN (last known)|Soc. Sec. #|seguro social", `Can I freeze my credit with only my SSN, {V}?
the 1099 lists my social as {V}
Spouse SSN: {V}; dependent SSN: {V}
I gave them my social security no. {V} by phone
Mi número de seguro social es {V}.`},
	"US_ITIN": {"ITIN no.|ITIN #|Individual Taxpayer ID|tax_itin|número ITIN", `My accountant needs my ITIN: {V}
W-7 approved, ITIN {V} issued {d}
Mi ITIN es {V}, ¿puedo abrir una cuenta?
spouse has no SSN, only ITIN {V}`},
	"UK_NHS": {"NHS Number|NHS No|nhs_number|NHS ID|patient NHS no.", `GP letter: the NHS number is {V}.
I can't register in the app, my NHS number {V} is refused
Bloods for NHS no. {V} are back
Ward round, bed {n}, NHS Number {V}`},
	"UK_NINO": {"NI Number|N.I. number|Nat. Ins. No.|National Insurance No|ni_number|NINO (employee)", `Starter form: my national insurance number is {V}
DWP quoted NI number {V} in the letter
payslip shows NI no {V}, tax code BR
What benefits are linked to NINO {V}?`},
	"FR_NIR": {"n° de sécurité sociale|Numéro de sécu.|N° SS|numéro INSEE|num_secu|NIR (assuré)|n° d'assuré social", `Bonjour, mon n° de sécu est {V}, je n'ai pas reçu ma carte.
Feuille de soins au nom de l'assuré {V}
La patiente (NIR {V}) est sortie le {d}.
Bulletin de paie - n° de sécurité sociale {V}`},
	"DE_TAX_ID": {"IdNr|Steuer-IdNr.|steuerliche ID|Steuer-Id-Nr.|Identifikationsnummer (Steuer)|TIN|steuer_id", `Für die Lohnabrechnung: Steuer-ID {V}.
Laut Bescheid vom {d} ist die steuerliche Identifikationsnummer {V}.
Bank fragt nach der Steuer-IdNr., ist das {V}?
My German tax ID is {V}, where do I enter it in Elster?`},
	"ES_NIF": {"DNI nº|DNI núm.|NIF/DNI|n.º de DNI|dni_titular|Documento (DNI)|NIF del titular", `Soy el titular, DNI {V}, y quiero darme de baja.
Comparece doña María, con DNI número {V}
Reserva a nombre del cliente con NIF {V}.
adjunto copia del DNI {V} por las dos caras`},
	"ES_NIE": {"NIE nº|N.I.E. núm.|NIE del solicitante|nie_num|NIE number|n.º NIE", `Tengo NIE {V} y quiero abrir una cuenta.
The notary asked for my NIE number, {V}.
Contrato de alquiler: inquilina con NIE {V}
Solicitud de empadronamiento, NIE {V}`},
	"IT_FISCAL_CODE": {"Codice Fiscale|C. Fiscale|cod.fisc.|codice_fiscale|CF paziente|cod. fisc. intestatario", `Buongiorno, il codice fiscale è {V}, grazie.
Ricetta per {V}, ticket esente
Locatore nato a Bari, C.F. {V}
My Italian tax code is {V}, how do I register with a GP?`},
	"PL_PESEL": {"PESEL nr|Nr PESEL|PESEL pacjenta|numer ewidencyjny PESEL|pesel_klienta", `Dzień dobry, mój numer PESEL: {V}
Umowa z panią o numerze PESEL {V}
Skierowanie wystawione na PESEL {V}
They want my PESEL ({V}) to sign the lease.`},
	"IN_AADHAAR": {"Aadhaar no.|Aadhar number|Aadhaar ID|aadhaar_no|UID (Aadhaar)|आधार नंबर|Adhaar", `Please verify my aadhaar {V} for the bank account.
e-KYC failed for Aadhaar no. {V}
मेरा आधार नंबर {V} है
Tenant's aadhaar card number is {V}, copy attached`},
	"IN_PAN": {"PAN number|PAN No|pan_no|PAN of deductor|PAN (individual)|PAN Card No.", `My PAN number is {V}, why was the refund blocked?
ITR filed, PAN {V}, assessment year 2026-27
Demat account needs PAN: {V}
PAN no. {V} belongs to the firm`},
	"CA_SIN": {"SIN number|S.I.N.|Social Insurance Number (SIN)|NAS de l'employé|sin_number|n° d'assurance sociale", `Payroll here, is your SIN {V}?
Mon numéro d'assurance sociale est le {V}.
Employee SIN {V} does not match CRA records
lost my card, SIN number {V}, what now`},
	"AU_TFN": {"Tax file no.|TFN (employee)|tax_file_number|T.F.N.|ATO tax file number", `G'day, my tax file number is {V}.
Bank withheld tax though I gave TFN {V}
TFN declaration received, {V}, start {d}
Which super fund holds accounts under TFN {V}?`},
	"AU_MEDICARE": {"Medicare card no.|medicare_number|Medicare card no|Medicare No|Patient Medicare number", `The kid is on my Medicare card, {V}.
Reception: Medicare number {V}, valid to 06/28
Medicare no. {V} rejected, code {n}
My Medicare card number {V} changed since last visit`},
	"BR_CPF": {"CPF do cliente|nº do CPF|CPF/MF|cpf_titular|CPF do paciente|número do CPF", `Bom dia, meu CPF {V} está com pendência.
Portador do CPF nº {V}, residente em {w}
Boleto em nome do CPF {V}
a chave pix é meu CPF, {V}`},
	"BR_CNPJ": {"CNPJ/MF|CNPJ da empresa|nº do CNPJ|cnpj_fornecedor|CNPJ do cliente", `Nota emitida para o CNPJ {V} em {d}.
Pessoa jurídica inscrita no CNPJ/MF sob nº {V}
qual o endereço do CNPJ {V}?
Pix para o CNPJ {V}, valor 80,00`},
	"US_PASSPORT": {"U.S. Passport No.|US passport no|Passport (US)|us_passport|Passport Number", `I'm a US citizen with passport number {V}.
Form DS-11 replaced my U.S. passport {V}
ESTA not needed, US passport no. {V}
consulate lost passport {V}, name {w}`},
	"PASSPORT": {"Passport no|Pass-Nr.|Reisepassnummer|n° passeport|n.º de pasaporte|numero passaporto|paspoortnummer|numer paszportu|passport_number|nº do passaporte", `Please add passport no {V} to the booking.
Visa application, passport number {V}, issued {d}
Mein Reisepass hat die Nummer {V}.
Mon numéro de passeport est {V}.
Mi número de pasaporte es {V}.
Il mio passaporto è il {V}, scade nel 2030.
Mijn paspoortnummer is {V}
Airline says my passport {V} has a typo`},
}

func nationalPartsC(kind string) parts {
	n := nationalsC[kind]
	labels := strings.Split(n[0], "|")
	return parts{
		labels: labels, prose: strings.Split(n[1], "\n"),
		nearProse: []string{
			"Where on the card do I find the " + labels[0] + "? I looked on page {n}.",
			"Since {d} the portal no longer asks for the " + labels[1] + ".",
			"Column {n} of the sheet is called " + labels[len(labels)-1] + " and is empty.",
		},
	}
}
