package main

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"reflect"
	"strings"

	"github.com/spf13/pflag"
	"go.yaml.in/yaml/v3"

	"github.com/bellhop/bellhop/dialect"
)

// fileValue is one setting as the configuration file has it.
type fileValue struct {
	texts []string
	line  int
}

// readFile reads the configuration file: a mapping of settings, and the list of
// the operator's own dialects and recipes, which it keeps. Errors name the line.
func (s *settings) readFile(path string) (map[string]fileValue, error) {
	content, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("read the configuration file: %w", err)
	}
	fail := func(line int, format string, args ...any) error {
		return fmt.Errorf("%s line %d: %s", path, line, fmt.Sprintf(format, args...))
	}
	var doc yaml.Node
	decoder := yaml.NewDecoder(bytes.NewReader(content))
	if err := decoder.Decode(&doc); errors.Is(err, io.EOF) {
		return nil, nil // empty
	} else if err != nil {
		return nil, fmt.Errorf("%s: %s", path, yamlError(err))
	}
	var more yaml.Node
	if err := decoder.Decode(&more); err == nil {
		return nil, fail(more.Line, "a second document begins here; put all settings into one")
	}
	top := doc.Content[0]
	if top.Kind != yaml.MappingNode {
		return nil, fail(top.Line, "the file must hold settings, one a line, such as \"listen: 127.0.0.1:8420\"")
	}

	names := map[string]string{}
	known := []string{"dialects", "recipes"}
	s.flags.VisitAll(func(f *pflag.Flag) {
		if f.Name != "config" {
			names[keyOf(f.Name)] = f.Name
			known = append(known, keyOf(f.Name))
		}
	})
	values, seen := map[string]fileValue{}, map[string]bool{}
	for i := 0; i < len(top.Content); i += 2 {
		key, value := top.Content[i], resolved(top.Content[i+1])
		name, ok := names[key.Value]
		switch {
		case seen[key.Value]:
			return nil, fail(key.Line, "%s is there twice: remove one", key.Value)
		case key.Value == "dialects":
			if err := s.readDialects(value); err != nil {
				return nil, fmt.Errorf("%s %w", path, err)
			}
		case key.Value == "recipes":
			if err := s.readRecipes(value); err != nil {
				return nil, fmt.Errorf("%s %w", path, err)
			}
		case !ok:
			return nil, fail(key.Line, "there is no setting %q%s", key.Value, didYouMean(key.Value, known))
		case value.Kind == yaml.ScalarNode && value.Tag == "!!null":
			// A key without a value: the default.
		case value.Kind == yaml.ScalarNode:
			values[name] = fileValue{[]string{value.Value}, key.Line}
		case value.Kind == yaml.SequenceNode && isList(s.flags.Lookup(name)):
			v := fileValue{line: key.Line}
			for _, item := range value.Content {
				if item = resolved(item); item.Kind != yaml.ScalarNode {
					return nil, fail(item.Line, "each item of %s must be a text", key.Value)
				}
				v.texts = append(v.texts, item.Value)
			}
			values[name] = v
		default:
			return nil, fail(value.Line, "%s must be a single value", key.Value)
		}
		seen[key.Value] = true
	}
	return values, nil
}

func isList(f *pflag.Flag) bool { _, ok := f.Value.(listValue); return ok }

func resolved(n *yaml.Node) *yaml.Node {
	if n.Kind == yaml.AliasNode {
		return n.Alias
	}
	return n
}

// yamlError is a parser's error in one line, without its own name.
func yamlError(err error) string {
	text := strings.TrimPrefix(err.Error(), "yaml: ")
	text = strings.TrimPrefix(text, "unmarshal errors:\n")
	return strings.Join(strings.Fields(text), " ")
}

// readDialects reads the list of dialects and makes sure that each works.
func (s *settings) readDialects(list *yaml.Node) error {
	if list.Kind == yaml.ScalarNode && list.Tag == "!!null" {
		return nil
	}
	if list.Kind != yaml.SequenceNode {
		return fmt.Errorf("line %d: dialects must be a list, each item with a name", list.Line)
	}
	taken := map[string]bool{}
	for _, d := range dialect.Builtin() {
		taken[d.Name] = true
	}
	for _, item := range list.Content {
		item = resolved(item)
		if err := unknownFields(item, reflect.TypeFor[dialect.Definition](), "dialect"); err != nil {
			return err
		}
		var d dialect.Definition
		if err := item.Decode(&d); err != nil {
			return errors.New(yamlError(err))
		}
		if taken[d.Name] {
			return fmt.Errorf("line %d: the dialect name %q is taken; give yours another", item.Line, d.Name)
		}
		if _, err := dialect.Compile(d); err != nil {
			return fmt.Errorf("line %d: dialect %q: %w", item.Line, d.Name, err)
		}
		taken[d.Name] = true
		s.dialects = append(s.dialects, d)
	}
	return nil
}

// unknownFields finds keys that a struct has no field for; the YAML library can
// do that only for whole files, and without a suggestion.
func unknownFields(n *yaml.Node, t reflect.Type, of string) error {
	n = resolved(n)
	if t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	switch {
	case n.Kind == yaml.MappingNode && t.Kind() == reflect.Struct:
		fields := map[string]reflect.StructField{}
		var known []string
		for field := range t.Fields() {
			name, _, _ := strings.Cut(field.Tag.Get("yaml"), ",")
			fields[name], known = field, append(known, name)
		}
		for i := 0; i < len(n.Content); i += 2 {
			key := n.Content[i]
			field, ok := fields[key.Value]
			if !ok {
				return fmt.Errorf("line %d: a %s has no field %q%s", key.Line, of, key.Value, didYouMean(key.Value, known))
			}
			if err := unknownFields(n.Content[i+1], field.Type, of+"'s "+key.Value); err != nil {
				return err
			}
		}
	case n.Kind == yaml.SequenceNode && t.Kind() == reflect.Slice:
		for _, item := range n.Content {
			if err := unknownFields(item, t.Elem(), of); err != nil {
				return err
			}
		}
	}
	return nil
}
