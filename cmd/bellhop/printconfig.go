package main

import (
	"encoding/json"
	"fmt"

	"go.yaml.in/yaml/v3"
)

// printConfig writes the settings of the service as a configuration file, each
// with where it comes from.
func (p *program) printConfig() error {
	s := p.settings
	top := &yaml.Node{Kind: yaml.MappingNode}
	add := func(key string, value *yaml.Node) {
		top.Content = append(top.Content, &yaml.Node{Kind: yaml.ScalarNode, Value: key}, value)
	}
	for _, name := range serviceSettings() {
		f := s.flags.Lookup(name)
		value := &yaml.Node{Kind: yaml.ScalarNode, Value: s.inForce(name)}
		switch list, isList := f.Value.(listValue); {
		case isList:
			value = &yaml.Node{Kind: yaml.SequenceNode, Style: yaml.FlowStyle}
			for _, text := range list.texts() {
				value.Content = append(value.Content, &yaml.Node{Kind: yaml.ScalarNode, Value: text})
			}
		case f.Value.Type() == "bool" || f.Value.Type() == "number":
		default:
			value.SetString(s.inForce(name))
		}
		value.LineComment = s.origin(name)
		add(keyOf(name), value)
	}
	if len(s.dialects) > 0 {
		dialects, err := yamlNode(s.dialects)
		if err != nil {
			return err
		}
		add("dialects", dialects)
	}
	if len(s.recipes) > 0 {
		recipes, err := yamlNode(s.recipes)
		if err != nil {
			return err
		}
		add("recipes", recipes)
	}
	return p.printYAML(top)
}

// yamlNode takes an object by its JSON tags, which, unlike its YAML tags, leave
// out what is empty, and keeps their order.
func yamlNode(v any) (*yaml.Node, error) {
	b, err := json.Marshal(v)
	if err != nil {
		return nil, fmt.Errorf("encode: %w", err)
	}
	var doc yaml.Node
	if err := yaml.Unmarshal(b, &doc); err != nil { // JSON is YAML
		return nil, fmt.Errorf("encode: %w", err)
	}
	blockStyle(&doc)
	return doc.Content[0], nil
}

// blockStyle takes away JSON's braces and quotes.
func blockStyle(n *yaml.Node) {
	n.Style = 0
	for _, c := range n.Content {
		blockStyle(c)
	}
}

func (p *program) printYAML(n *yaml.Node) error {
	e := yaml.NewEncoder(p.out)
	e.SetIndent(2)
	if err := e.Encode(n); err != nil {
		return fmt.Errorf("print YAML: %w", err)
	}
	return e.Close()
}
