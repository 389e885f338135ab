package manifest

import (
	"bytes"
	"encoding"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/bellhop/bellhop"
	"github.com/bellhop/bellhop/internal/suggest"
)

// The bounds of documents: of a file and of all files of a folder, in bytes, and of what one
// has, whose aliases could stand for more than memory holds.
const (
	maxFile    = 128 << 20
	maxFolder  = 1 << 30
	maxNodes   = 10 << 20
	maxAliased = 1 << 20
	maxDepth   = 100
)

// Read takes a document from a file or a pipe, of at most 128 MiB, or from all files of a folder,
// and of those below it, whose names end in .yaml, .yml or .json, in the order of their names,
// of at most 1 GiB together. Its errors name the file and the line.
func Read(path string) (Document, error) {
	info, err := os.Stat(path)
	if err != nil {
		return Document{}, err
	}
	if !info.IsDir() {
		if mode := info.Mode(); !mode.IsRegular() && mode&fs.ModeNamedPipe == 0 {
			return Document{}, fmt.Errorf("%s is neither a file, a pipe nor a folder", path)
		}
		content, err := readFile(path)
		if err != nil {
			return Document{}, err
		}
		return Parse(path, content)
	}
	var all Document
	read, size := 0, 0
	err = filepath.WalkDir(path, func(file string, entry fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case entry.IsDir():
			if strings.HasPrefix(entry.Name(), ".") && file != path {
				return filepath.SkipDir
			}
			return nil
		case !slices.Contains([]string{".yaml", ".yml", ".json"}, filepath.Ext(file)) || strings.HasPrefix(entry.Name(), "."):
			return nil
		}
		info, err := os.Stat(file)
		if err == nil && !info.Mode().IsRegular() {
			err = fmt.Errorf("%s is no file", file)
		}
		if err != nil {
			return err
		}
		content, err := readFile(file)
		if err != nil {
			return err
		}
		if size += len(content); size > maxFolder {
			return fmt.Errorf("the files of %s are larger than 1 GiB, which is as much as is read at once", path)
		}
		d, err := Parse(file, content)
		if err != nil {
			return err
		}
		read++
		all.join(d)
		return nil
	})
	if err == nil && read == 0 {
		err = fmt.Errorf("there is no file in %s whose name ends in .yaml, .yml or .json", path)
	}
	if err != nil {
		return Document{}, err
	}
	return all, all.check()
}

// readFile reads a file, or a pipe, to its end.
func readFile(path string) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close() //nolint:errcheck // it was only read
	tooLarge := fmt.Errorf("%s is larger than 128 MiB, which is as much as is read of a file: divide it into several in a folder", path)
	if info, err := f.Stat(); err == nil && info.Size() > maxFile {
		return nil, tooLarge
	}
	content, err := io.ReadAll(io.LimitReader(f, maxFile+1))
	if err == nil && len(content) > maxFile {
		err = tooLarge
	}
	return content, err
}

// join adds what another document says.
func (d *Document) join(o Document) {
	for kind, list := range o.Objects {
		if d.Objects == nil {
			d.Objects = map[Kind][]Object{}
		}
		d.Objects[kind] = append(append([]Object{}, d.Objects[kind]...), list...)
	}
}

// Parse takes a document from the text of a file, YAML or, where it begins with a brace,
// JSON. YAML may have several documents, which count as one. Errors name the line.
func Parse(file string, content []byte) (Document, error) {
	p := &parser{file: file}
	d, err := p.parse(bytes.TrimPrefix(content, []byte("\ufeff")))
	if err != nil {
		return Document{}, err
	}
	return d, d.check()
}

// parser reads one file.
type parser struct {
	file  string
	nodes int
	// aliased counts what was looked at through aliases.
	aliased int
}

// reach follows an alias. Through tells whether a node is reached through one: a few could
// stand for very many.
func (p *parser) reach(n *yaml.Node, through bool) (*yaml.Node, bool, error) {
	if n.Kind == yaml.AliasNode {
		n, through = n.Alias, true
	}
	if through {
		if p.aliased++; p.aliased > maxAliased {
			return n, through, p.fail(n.Line, "aliases stand for more than %d values in all, this one among them: write them out, or divide the document", maxAliased)
		}
	}
	return n, through, nil
}

// fail is an error that names the line.
func (p *parser) fail(line int, format string, args ...any) error {
	return fmt.Errorf("%s line %d: %s", p.file, line, fmt.Sprintf(format, args...))
}

func (p *parser) parse(content []byte) (d Document, err error) {
	if trimmed := bytes.TrimLeft(content, " \t\r\n"); len(trimmed) > 0 && trimmed[0] == '{' {
		top, err := p.json(content)
		if err != nil {
			return d, err
		}
		return d, p.document(&d, top)
	}
	decoder := yaml.NewDecoder(bytes.NewReader(content))
	for {
		var doc yaml.Node
		if err := decoder.Decode(&doc); errors.Is(err, io.EOF) {
			return d, nil
		} else if err != nil {
			return d, fmt.Errorf("%s: %s", p.file, strings.Join(strings.Fields(strings.TrimPrefix(err.Error(), "yaml: ")), " "))
		}
		if err := p.document(&d, doc.Content[0]); err != nil {
			return d, err
		}
	}
}

// document reads the lists of one document.
func (p *parser) document(d *Document, top *yaml.Node) error {
	if isNull(top) {
		return nil
	}
	if top.Kind != yaml.MappingNode {
		return p.fail(top.Line, "a document has lists of objects, such as \"endpoints:\", not %s", kindOf(top))
	}
	known := make([]string, len(kinds))
	for i, k := range kinds {
		known[i] = string(k)
	}
	for i := 0; i < len(top.Content); i += 2 {
		key, list := top.Content[i], resolved(top.Content[i+1])
		kind := Kind(key.Value)
		switch {
		case !slices.Contains(kinds, kind):
			return p.fail(key.Line, "there is no list %q%s; a document has %s", key.Value, didYouMean(key.Value, known), strings.Join(known, ", "))
		case isNull(list):
			list = &yaml.Node{Kind: yaml.SequenceNode, Line: list.Line}
		case list.Kind != yaml.SequenceNode:
			return p.fail(list.Line, "%s must be a list, not %s", key.Value, kindOf(list))
		}
		if d.Objects == nil {
			d.Objects = map[Kind][]Object{}
		}
		objects := append([]Object{}, d.Objects[kind]...)
		for _, item := range list.Content {
			o, err := p.object(kind, item)
			if err != nil {
				return err
			}
			objects = append(objects, o)
		}
		d.Objects[kind] = objects
	}
	return nil
}

// object reads one object, whose fields must be known.
func (p *parser) object(kind Kind, n *yaml.Node) (Object, error) {
	n, through, err := p.reach(n, false)
	if err != nil {
		return Object{}, err
	}
	o := Object{Fields: map[string]bellhop.JSON{}, Source: fmt.Sprintf("%s line %d", p.file, n.Line)}
	if n.Kind != yaml.MappingNode {
		return o, p.fail(n.Line, "each of %s must be an object with fields, not %s", kind, kindOf(n))
	}
	if err := p.check(n, through, typeOf(kind), kind.article()); err != nil {
		return o, err
	}
	for i := 0; i < len(n.Content); i += 2 {
		key, value := n.Content[i], n.Content[i+1]
		if slices.Contains(notState, key.Value) {
			return o, p.fail(key.Line, "%s asks for something once, and is no part of a document: leave it out", key.Value)
		}
		var b bytes.Buffer
		if err := p.encode(&b, value, through, 0); err != nil {
			return o, err
		}
		if b.String() == "null" {
			continue // as if it were left out
		}
		field, err := normal(kind, key.Value, b.Bytes())
		if err != nil {
			return o, p.fail(key.Line, "%s cannot be read: %s", key.Value, err)
		}
		o.Fields[key.Value] = field
	}
	return o, nil
}

// check says whether a node has the shape of a type: names that are known, and values of the
// right kind.
func (p *parser) check(n *yaml.Node, through bool, t reflect.Type, of string) error {
	n, through, err := p.reach(n, through)
	if err != nil {
		return err
	}
	for t.Kind() == reflect.Pointer || isField(t) {
		if t.Kind() == reflect.Pointer {
			t = t.Elem()
		} else {
			value, _ := t.FieldByName("Value")
			t = value.Type
		}
	}
	if isNull(n) {
		return nil
	}
	want := func(ok bool, what string) error {
		if ok {
			return nil
		}
		return p.fail(n.Line, "%s must be %s, not %s", of, what, kindOf(n))
	}
	switch {
	case t == reflect.TypeFor[bellhop.JSON]():
		return nil // any JSON, told from text by encode
	case t == reflect.TypeFor[bellhop.RetryPolicy]():
		return want(n.Kind != yaml.ScalarNode, `a list of delays, such as ["5s","2m"], or an object with initial, factor, max and until`)
	case t == reflect.TypeFor[bellhop.AppTerms]() && n.Kind == yaml.ScalarNode:
		return want(n.ShortTag() == "!!str", "a text")
	case reflect.PointerTo(t).Implements(reflect.TypeFor[encoding.TextUnmarshaler]()):
		return want(n.Kind == yaml.ScalarNode && (n.ShortTag() == "!!str" || n.ShortTag() == "!!timestamp"), "a text")
	}
	switch t.Kind() {
	case reflect.Struct:
		if err := want(n.Kind == yaml.MappingNode, "an object"); err != nil {
			return err
		}
		return p.checkNames(n, through, t, of)
	case reflect.Slice:
		if err := want(n.Kind == yaml.SequenceNode, "a list"); err != nil {
			return err
		}
		for _, item := range n.Content {
			if err := p.check(item, through, t.Elem(), of); err != nil {
				return err
			}
		}
	case reflect.Map:
		if err := want(n.Kind == yaml.MappingNode, "an object"); err != nil {
			return err
		}
		for i := 0; i < len(n.Content); i += 2 {
			if err := p.check(n.Content[i+1], through, t.Elem(), n.Content[i].Value); err != nil {
				return err
			}
		}
	case reflect.String:
		return want(n.Kind == yaml.ScalarNode && n.ShortTag() == "!!str", "a text (write it in quotes)")
	case reflect.Bool:
		return want(n.ShortTag() == "!!bool", "true or false")
	case reflect.Int, reflect.Float64:
		return want(n.ShortTag() == "!!int" || n.ShortTag() == "!!float", "a number")
	}
	return nil
}

// checkNames refuses names that a struct does not have, and names that are there twice.
func (p *parser) checkNames(n *yaml.Node, through bool, t reflect.Type, of string) error {
	types, known := map[string]reflect.Type{}, []string{}
	for _, f := range reflect.VisibleFields(t) {
		if name, _, _ := strings.Cut(f.Tag.Get("json"), ","); !f.Anonymous && name != "" && name != "-" {
			types[name], known = f.Type, append(known, name)
		}
	}
	seen := map[string]bool{}
	for i := 0; i < len(n.Content); i += 2 {
		key := n.Content[i]
		switch {
		case key.Tag == "!!merge":
			return p.fail(key.Line, "\"<<\" is not read here: write the fields out")
		case types[key.Value] == nil:
			return p.fail(key.Line, "%s has no field %q%s", of, key.Value, didYouMean(key.Value, known))
		case seen[key.Value]:
			return p.fail(key.Line, "%s is there twice: remove one", key.Value)
		}
		seen[key.Value] = true
		if err := p.check(n.Content[i+1], through, types[key.Value], key.Value); err != nil {
			return err
		}
	}
	return nil
}

// isField tells whether a type is a bellhop.Field.
func isField(t reflect.Type) bool {
	return t.Kind() == reflect.Struct && strings.HasPrefix(t.Name(), "Field[") && t.PkgPath() == reflect.TypeFor[bellhop.Event]().PkgPath()
}

// encode writes a node as JSON: numbers as they are written where JSON can have them so,
// objects in their order.
func (p *parser) encode(b *bytes.Buffer, n *yaml.Node, through bool, depth int) error {
	n, through, err := p.reach(n, through)
	if err != nil {
		return err
	}
	if p.nodes++; p.nodes > maxNodes || depth > maxDepth {
		return p.fail(n.Line, "the document is too large, or nested too deeply, here")
	}
	text := func(s string) error {
		v, err := encode(s)
		b.Write(v)
		return err
	}
	switch n.Kind {
	case yaml.SequenceNode:
		b.WriteByte('[')
		for i, item := range n.Content {
			if i > 0 {
				b.WriteByte(',')
			}
			if err := p.encode(b, item, through, depth+1); err != nil {
				return err
			}
		}
		b.WriteByte(']')
		return nil
	case yaml.MappingNode:
		b.WriteByte('{')
		for i := 0; i < len(n.Content); i += 2 {
			key := n.Content[i]
			if key.Kind != yaml.ScalarNode {
				return p.fail(key.Line, "each name in an object must be a text")
			}
			if i > 0 {
				b.WriteByte(',')
			}
			if err := text(key.Value); err != nil {
				return err
			}
			b.WriteByte(':')
			if err := p.encode(b, n.Content[i+1], through, depth+1); err != nil {
				return err
			}
		}
		b.WriteByte('}')
		return nil
	}
	switch n.ShortTag() {
	case "!!null":
		b.WriteString("null")
	case "!!bool", "!!int", "!!float":
		if json.Valid([]byte(n.Value)) {
			b.WriteString(n.Value)
			return nil
		}
		var v any
		if err := n.Decode(&v); err != nil {
			return p.fail(n.Line, "%q cannot be read", clip(n.Value, 40))
		}
		j, err := encode(v)
		if err != nil {
			return p.fail(n.Line, "%s is no number that JSON has", clip(n.Value, 40))
		}
		b.Write(j)
	case "!!str", "!!timestamp":
		return text(n.Value)
	default:
		return p.fail(n.Line, "a value of the type %s cannot be read: write a text, a number, true, false, a list or an object", n.ShortTag())
	}
	return nil
}

// json reads JSON as the nodes that YAML would have: tabs are allowed in it, and its numbers
// are no dates.
func (p *parser) json(content []byte) (*yaml.Node, error) {
	dec := json.NewDecoder(bytes.NewReader(content))
	dec.UseNumber()
	at, line := 0, 1
	here := func() int {
		to := min(int(dec.InputOffset()), len(content))
		line += bytes.Count(content[at:to], []byte("\n"))
		at = to
		return line
	}
	bad := func(err error) error {
		if syntax, ok := errors.AsType[*json.SyntaxError](err); ok {
			return p.fail(1+bytes.Count(content[:min(int(syntax.Offset), len(content))], []byte("\n")), "the JSON is not valid: %v", err)
		}
		return p.fail(here(), "the JSON ends too early")
	}
	var value func(depth int) (*yaml.Node, error)
	value = func(depth int) (*yaml.Node, error) {
		token, err := dec.Token()
		if err != nil {
			return nil, bad(err)
		}
		n := &yaml.Node{Kind: yaml.ScalarNode, Line: here()}
		if p.nodes++; p.nodes > maxNodes || depth > maxDepth {
			return nil, p.fail(n.Line, "the document is too large, or nested too deeply, here")
		}
		switch v := token.(type) {
		case json.Delim:
			n.Kind = yaml.SequenceNode
			if v == '{' {
				n.Kind = yaml.MappingNode
			}
			for dec.More() {
				item, err := value(depth + 1)
				if err != nil {
					return nil, err
				}
				n.Content = append(n.Content, item)
			}
			if _, err := dec.Token(); err != nil {
				return nil, bad(err)
			}
		case string:
			n.Tag, n.Value = "!!str", v
		case json.Number:
			n.Tag, n.Value = "!!float", v.String()
		case bool:
			n.Tag, n.Value = "!!bool", strconv.FormatBool(v)
		default:
			n.Tag, n.Value = "!!null", "null"
		}
		return n, nil
	}
	top, err := value(0)
	if err != nil {
		return nil, err
	}
	if _, err := dec.Token(); !errors.Is(err, io.EOF) {
		return nil, p.fail(here(), "something follows the JSON: a file has one object")
	}
	return top, nil
}

func resolved(n *yaml.Node) *yaml.Node {
	if n.Kind == yaml.AliasNode {
		return n.Alias
	}
	return n
}

func isNull(n *yaml.Node) bool { return n.Kind == yaml.ScalarNode && n.ShortTag() == "!!null" }

// kindOf says what a node is, without saying which value.
func kindOf(n *yaml.Node) string {
	switch n.Kind {
	case yaml.MappingNode:
		return "an object"
	case yaml.SequenceNode:
		return "a list"
	}
	switch n.ShortTag() {
	case "!!int", "!!float":
		return "a number"
	case "!!bool":
		return "true or false"
	case "!!null":
		return "nothing"
	}
	return "a text"
}

func didYouMean(typed string, known []string) string {
	if near := suggest.Nearest(typed, known); near != "" {
		return ": did you mean " + near + "?"
	}
	return ""
}

// check refuses objects that cannot be told apart, or not be found again.
func (d *Document) check() error {
	if twins := d.twins(); len(twins) > 0 {
		return fmt.Errorf("%s: %w", twins[0].source, twins[0].Err)
	}
	return nil
}

// Twin is an object that a document cannot have, since it is like another one, or has nothing by
// which it would be found again.
type Twin struct {
	Kind, Name string
	Err        error

	source string
	object *Object
}

// Sift takes such objects out of the document, and gives them.
func (d *Document) Sift() []Twin {
	twins := d.twins()
	gone := map[*Object]bool{}
	for _, t := range twins {
		gone[t.object] = true
	}
	for kind, list := range d.Objects {
		kept := make([]Object, 0, len(list))
		for i := range list {
			if !gone[&list[i]] {
				kept = append(kept, list[i])
			}
		}
		d.Objects[kind] = kept
	}
	return twins
}

func (d *Document) twins() (twins []Twin) {
	for _, kind := range kinds {
		seen := map[string]string{}
		for i := range d.Objects[kind] {
			o := &d.Objects[kind][i]
			ids, err := identities(kind, o)
			for _, id := range ids {
				if before, ok := seen[id]; ok && err == nil {
					err = fmt.Errorf("the %s %s is there twice: it stands at %s already", kind.one(), id[strings.IndexByte(id, ' ')+1:], before)
				}
			}
			if err != nil {
				twins = append(twins, Twin{Kind: kind.one(), Name: name(kind, o), Err: err, source: o.Source, object: o})
				continue
			}
			for _, id := range ids {
				seen[id] = o.Source
			}
		}
	}
	return twins
}

// identities are what an object is found by, as "WHAT VALUE", the strongest first.
func identities(kind Kind, o *Object) (ids []string, err error) {
	need := func(field string) ([]string, error) {
		if o.Text(field) == "" {
			return nil, fmt.Errorf("an object of %s needs the field %s", kind, field)
		}
		return []string{field + " " + o.Text(field)}, nil
	}
	switch kind {
	case Apps:
		return need("id")
	case EventTypes:
		return need("name")
	case Keys:
		return need("token_sha256")
	}
	if id := o.Text("id"); id != "" {
		ids = append(ids, "id "+id)
	}
	for _, field := range []string{"uid", "former_id"} {
		if v := o.Text(field); v != "" {
			for _, app := range o.Apps() {
				ids = append(ids, field+"@"+app+" "+v)
			}
		}
	}
	if len(ids) == 0 {
		return nil, errors.New("an endpoint needs a uid, a former_id or an id, together with its apps: by what else would it be found again?")
	}
	return ids, nil
}
