package policies

import (
	"embed"
	"io/fs"
)

//go:embed lib/*.rego standard/*.rego
var embedded embed.FS

// Embedded is the library (lib/) and the standard policy (standard/) that this
// program carries. A copy of it, kept beside recorded decisions, can be given
// back as Config.FS.
func Embedded() fs.FS { return embedded }
