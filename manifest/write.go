package manifest

import (
	"bytes"
	"encoding/json"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/bellhop/bellhop"
)

// written begins each YAML file that is written here.
const written = "# Written by bellhop export.\n"

// YAML is the document as a file has it.
func (d *Document) YAML() ([]byte, error) {
	top := &yaml.Node{Kind: yaml.MappingNode}
	for _, kind := range kinds {
		objects, ok := d.Objects[kind]
		if !ok {
			continue
		}
		list := &yaml.Node{Kind: yaml.SequenceNode}
		if len(objects) == 0 {
			list.Style = yaml.FlowStyle
		}
		for i := range objects {
			n := &yaml.Node{Kind: yaml.MappingNode}
			for _, field := range fieldsOf(kind) {
				if value := objects[i].Fields[field]; len(value) > 0 {
					v, err := nodeOf(value)
					if err != nil {
						return nil, err
					}
					n.Content = append(n.Content, text(field), v)
				}
			}
			list.Content = append(list.Content, n)
		}
		top.Content = append(top.Content, text(string(kind)), list)
	}
	b := *bytes.NewBufferString(written)
	enc := yaml.NewEncoder(&b)
	enc.SetIndent(2)
	if err := enc.Encode(top); err != nil {
		return nil, err
	}
	return b.Bytes(), enc.Close()
}

func text(s string) *yaml.Node {
	n := &yaml.Node{}
	n.SetString(s)
	return n
}

// nodeOf is JSON as YAML, its objects in their order and its numbers as they are written.
func nodeOf(value bellhop.JSON) (*yaml.Node, error) {
	top, err := (&parser{}).json(value)
	if err != nil {
		return nil, err
	}
	var walk func(n *yaml.Node)
	walk = func(n *yaml.Node) {
		n.Line = 0
		switch {
		case n.Tag == "!!str":
			n.SetString(n.Value)
		case n.Tag == "!!float":
			if plain := (yaml.Node{Kind: yaml.ScalarNode, Value: n.Value}); plain.ShortTag() == "!!int" || plain.ShortTag() == "!!float" {
				n.Tag = "" // else the encoder would write it out
			} else {
				n.Style = yaml.TaggedStyle // a number that YAML would take for a text
			}
		case n.Kind == yaml.SequenceNode && !slices.ContainsFunc(n.Content, func(c *yaml.Node) bool { return c.Kind != yaml.ScalarNode }):
			n.Style = yaml.FlowStyle
		case n.Kind == yaml.MappingNode && len(n.Content) == 0:
			n.Style = yaml.FlowStyle
		}
		for _, c := range n.Content {
			walk(c)
		}
	}
	walk(top)
	return top, nil
}

// JSON is the document as JSON.
func (d *Document) JSON() ([]byte, error) {
	var b bytes.Buffer
	b.WriteByte('{')
	for _, kind := range kinds {
		objects, ok := d.Objects[kind]
		if !ok {
			continue
		}
		if b.Len() > 1 {
			b.WriteByte(',')
		}
		b.WriteString(`"` + string(kind) + `":[`)
		for i := range objects {
			if i > 0 {
				b.WriteByte(',')
			}
			b.WriteByte('{')
			first := true
			for _, field := range fieldsOf(kind) {
				if value := objects[i].Fields[field]; len(value) > 0 {
					if !first {
						b.WriteByte(',')
					}
					first = false
					b.WriteString(`"` + field + `":`)
					b.Write(value)
				}
			}
			b.WriteByte('}')
		}
		b.WriteByte(']')
	}
	b.WriteByte('}')
	var out bytes.Buffer
	if err := json.Indent(&out, b.Bytes(), "", "  "); err != nil {
		return nil, err
	}
	out.WriteByte('\n')
	return out.Bytes(), nil
}

// Write writes the document to a file, JSON if its name ends in .json and YAML if not, or to
// a folder, with a file for each kind and, for endpoints, one for each app. Files that an
// earlier Write left there and that have nothing to say any more are removed. Only the user
// may read what is written, since it may have secrets.
func (d *Document) Write(path string) error {
	if info, err := os.Stat(path); err == nil && info.IsDir() || strings.HasSuffix(path, string(filepath.Separator)) {
		return d.writeFolder(path)
	}
	content, err := d.YAML()
	if strings.HasSuffix(path, ".json") {
		content, err = d.JSON()
	}
	if err != nil {
		return err
	}
	return writeFile(path, content)
}

// writeFile puts a file in its place at once: who reads it meanwhile gets the old one or the
// new one.
func writeFile(path string, content []byte) error {
	f, err := os.CreateTemp(filepath.Dir(path), "."+filepath.Base(path)+".*")
	if err != nil {
		return err
	}
	defer os.Remove(f.Name()) //nolint:errcheck // gone, where all went well
	_, err = f.Write(content)
	if e := f.Close(); err == nil {
		err = e
	}
	if err != nil {
		return err
	}
	return os.Rename(f.Name(), path)
}

// writeFolder writes a file for each kind, and those of endpoints by their first app. A folder that
// is new is there as a whole, or not at all.
func (d *Document) writeFolder(path string) error {
	path = filepath.Clean(path)
	if _, err := os.Stat(path); !errors.Is(err, fs.ErrNotExist) {
		return d.fillFolder(path)
	}
	parent := filepath.Dir(path)
	if err := os.MkdirAll(parent, 0o755); err != nil {
		return err
	}
	made, err := os.MkdirTemp(parent, "."+filepath.Base(path)+".*")
	if err != nil {
		return err
	}
	defer os.RemoveAll(made) //nolint:errcheck // gone, where all went well
	if err := os.Chmod(made, 0o755); err != nil {
		return err
	}
	if err := d.fillFolder(made); err != nil {
		return err
	}
	return os.Rename(made, path)
}

// fillFolder writes the files of a folder that is there.
func (d *Document) fillFolder(path string) error {
	files := map[string]*Document{}
	for _, kind := range kinds {
		objects, ok := d.Objects[kind]
		if !ok {
			continue
		}
		file := func(name string) *Document {
			if files[name] == nil {
				files[name] = &Document{Objects: map[Kind][]Object{kind: {}}}
			}
			return files[name]
		}
		if kind != Endpoints || len(objects) == 0 {
			file(string(kind) + ".yaml").Objects[kind] = objects
			continue
		}
		for i := range objects {
			app := objects[i].Apps()[0]
			if app == bellhop.AllApps {
				app = "all-apps"
			}
			file(filepath.Join(string(Endpoints), app+".yaml")).Add(Endpoints, objects[i])
		}
	}
	// What was written earlier of an app that is gone would come back with the next import.
	old, err := filepath.Glob(filepath.Join(path, string(Endpoints), "*.yaml"))
	if err != nil {
		return err
	}
	for _, file := range old {
		name, _ := filepath.Rel(path, file)
		if files[name] != nil {
			continue
		}
		if content, err := os.ReadFile(file); err != nil || !bytes.HasPrefix(content, []byte(written)) {
			continue // somebody's own
		}
		if err := os.Remove(file); err != nil {
			return err
		}
	}
	for name, d := range files {
		content, err := d.YAML()
		if err != nil {
			return err
		}
		file := filepath.Join(path, name)
		if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
			return err
		}
		if err := writeFile(file, content); err != nil {
			return err
		}
	}
	return nil
}
