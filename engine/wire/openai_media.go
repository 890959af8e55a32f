package wire

import (
	"strings"

	"github.com/sallyport-ai/sallyport/engine"
)

// reference reads where an image, a sound or a film is: at a URL, or within a
// data URL.
func (b *body) reference(i int, p *engine.Part, kind string, role engine.Role, msg int) {
	if !b.want(i, '{') {
		return
	}
	for c := range b.children(i) {
		switch b.name(c) {
		case "url":
			if !b.located(c, p, kind, role, msg) {
				return
			}
		case "detail":
			if p.Detail = b.enum(c); p.Detail != "" {
				b.hint(c)
			}
		default:
			b.unknown(c, role, engine.KindText, msg)
		}
	}
	if p.Data == "" && p.URL == nil {
		b.missing(i, "url", "a part of this type needs it")
	}
}

// located reads the URL of an image, a sound or a film, and says whether it is one.
func (b *body) located(i int, p *engine.Part, kind string, role engine.Role, msg int) bool {
	if !b.want(i, '"') {
		return false
	}
	url := b.str(i)
	if u, ok := parseDataURL(url); ok && strings.HasPrefix(u.media, kind+"/") {
		p.MediaType, p.Data = u.media, u.data
		if !u.opaque() {
			b.fixed(i, role, engine.KindText, msg)
		}
	} else if scheme, _, _ := strings.Cut(strings.ToLower(url), ":"); scheme == "http" || scheme == "https" {
		p.URL = b.text(i, role, engine.KindText, msg)
	} else {
		b.fail(i, "must be an http or https URL, or a data URL of base64 with a media type %s/…", kind)
		return false
	}
	return true
}

// audio reads a sound in base64.
func (b *body) audio(i int, p *engine.Part, role engine.Role, msg int) {
	for c := range b.children(i) {
		switch name := b.name(c); {
		case name == "data" && b.kind(c) == '"':
			if p.Data = b.str(c); !isBase64(p.Data) || !isBinary(p.Data) {
				b.fixed(c, role, engine.KindText, msg)
			}
		case name == "format" && b.kind(c) == '"':
			switch format := b.enum(c); {
			case format == "mp3":
				p.MediaType = "audio/mpeg"
			case plain(format, 16):
				p.MediaType = "audio/" + format
			}
		default:
			b.unknown(c, role, engine.KindText, msg)
		}
	}
	if p.Data == "" || !isBase64(p.Data) || p.MediaType == "" {
		p.Kind, p.Data = engine.PartOther, "" // for a server of this API to judge
	}
}

// file reads a document: its content, or the id under which its vendor has it.
func (b *body) file(i int, p *engine.Part, role engine.Role, msg int) {
	for c := range b.children(i) {
		if b.kind(c) != '"' || !b.fileMember(c, p, role, msg) {
			b.unknown(c, role, engine.KindText, msg)
		}
	}
	if p.FileID == nil && (p.Data == "" || p.MediaType == "") {
		p.Kind, p.Data = engine.PartOther, ""
	}
}

// fileMember reads a string that is a member of a document, and says whether it
// knows it.
func (b *body) fileMember(i int, p *engine.Part, role engine.Role, msg int) bool {
	switch b.name(i) {
	case "file_data":
		s := b.str(i)
		if u, ok := parseDataURL(s); ok {
			if p.MediaType, p.Data = u.media, u.data; !u.opaque() {
				b.fixed(i, role, engine.KindText, msg)
			}
		} else if isBase64(s) && isBinary(s) {
			if p.Data = s; strings.HasPrefix(s, pdfBase64) {
				p.MediaType = "application/pdf"
			}
		} else {
			b.text(i, role, engine.KindText, msg)
		}
	case "file_id":
		p.FileID = b.fileID(i, msg)
	case "filename":
		p.Filename = b.text(i, role, engine.KindName, msg)
	default:
		return false
	}
	return true
}

// fileID reads the id that a vendor gave a file: inspected as any id is.
func (b *body) fileID(i, msg int) *engine.Text {
	s := b.str(i)
	if plain(s, shortID) && digits(s) < longNumber {
		return &engine.Text{Role: engine.RoleUser, Kind: engine.KindName, Message: msg, Value: s, Span: b.span(i), Fixed: true}
	}
	t := b.text(i, engine.RoleUser, engine.KindName, msg)
	t.Fixed = true
	return t
}

// pdfBase64 is how a PDF begins in base64.
const pdfBase64 = "JVBERi0"
