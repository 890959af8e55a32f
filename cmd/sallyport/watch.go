package main

import (
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/fsnotify/fsnotify"
	"github.com/rs/zerolog"
)

// settle is how long files must be quiet before a change of them counts: editors
// write in several steps, and a half-written policy would be refused.
const settle = 300 * time.Millisecond

// watcher tells when a watched file or folder has changed. Its goroutine ends
// with close.
type watcher struct {
	notify  *fsnotify.Watcher
	log     zerolog.Logger
	signal  chan struct{}
	done    chan struct{}
	want    chan map[string]bool
	folders map[string]bool // watched, belongs to follow
}

func newWatcher(log zerolog.Logger) (*watcher, error) {
	n, err := fsnotify.NewWatcher()
	if err != nil {
		return nil, err
	}
	w := &watcher{notify: n, log: log, signal: make(chan struct{}, 1), done: make(chan struct{}),
		want: make(chan map[string]bool), folders: map[string]bool{}}
	go w.loop()
	return w, nil
}

// changed is nil, and so never ready, for a nil watcher.
func (w *watcher) changed() <-chan struct{} {
	if w == nil {
		return nil
	}
	return w.signal
}

// follow watches these files and folders, and what is in the folders. A file is
// watched through its folder, because editors replace files instead of writing
// them, and a watch on the file would follow the old one. It is called from one
// goroutine.
func (w *watcher) follow(paths []string) {
	if w == nil {
		return
	}
	files, folders := map[string]bool{}, map[string]bool{}
	for _, p := range paths {
		p, err := filepath.Abs(p)
		if err != nil {
			continue
		}
		info, err := os.Stat(p)
		if err != nil || !info.IsDir() {
			files[p] = true
			folders[filepath.Dir(p)] = true
			continue
		}
		files[p+string(filepath.Separator)] = true
		_ = filepath.WalkDir(p, func(path string, d os.DirEntry, err error) error {
			if err == nil && d.IsDir() {
				folders[path] = true
			}
			return nil // what cannot be read cannot be watched
		})
	}
	for f := range folders {
		if !w.folders[f] {
			if err := w.notify.Add(f); err != nil {
				w.log.Warn().Err(err).Str("folder", f).Msg("a folder is not watched")
			}
		}
	}
	for f := range w.folders {
		if !folders[f] {
			_ = w.notify.Remove(f) // it may be gone already
		}
	}
	w.folders = folders
	select {
	case w.want <- files:
	case <-w.done:
	}
}

func (w *watcher) loop() {
	defer close(w.done)
	var files map[string]bool
	quiet := time.NewTimer(time.Hour)
	quiet.Stop()
	for {
		select {
		case files = <-w.want:
		case e, ok := <-w.notify.Events:
			if !ok {
				return
			}
			if e.Op != fsnotify.Chmod && concerns(files, e.Name) {
				quiet.Reset(settle)
			}
		case err, ok := <-w.notify.Errors:
			if !ok {
				return
			}
			w.log.Warn().Err(err).Msg("watching files")
		case <-quiet.C:
			select {
			case w.signal <- struct{}{}:
			default: // one is pending already
			}
		}
	}
}

// concerns says whether a path is one of the files or below one of the folders,
// which end with a separator.
func concerns(files map[string]bool, path string) bool {
	if files[path] {
		return true
	}
	for f := range files {
		if strings.HasSuffix(f, string(filepath.Separator)) && strings.HasPrefix(path, f) {
			return true
		}
	}
	return false
}

func (w *watcher) close() {
	_ = w.notify.Close() // ends the loop
	<-w.done
}
