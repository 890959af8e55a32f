package policies

import "path"

// Bundle is a set of files that was brought here by other means than a folder,
// and verified there.
type Bundle struct {
	Name  string // for diagnostics
	Files []BundleFile
}

// BundleFile is one file of a Bundle. Its name is that below the bundle's root,
// slash-separated; data is rooted by its folder, as in OPA.
type BundleFile struct {
	Name  string
	Bytes []byte // must not be changed
}

// sources are the bundle's policy files, as those of the folder numbered root.
func (b Bundle) sources(root int) []source {
	var all []source
	for _, f := range b.Files {
		if kindOf(f.Name) != "" {
			all = append(all, source{origin: fromUser, root: root, name: f.Name, shown: "bundle:" + path.Join(b.Name, f.Name), bytes: f.Bytes})
		}
	}
	return all
}
