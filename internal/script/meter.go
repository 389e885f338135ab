package script

import (
	"encoding/binary"
	"errors"
	"fmt"
)

// What meter adds to the module, by name of its export.
const (
	exportStack  = "bellhop_stack"  // the stack pointer
	exportFuel   = "bellhop_fuel"   // how much work may be done until the meter is asked
	exportMemory = "bellhop_memory" // the linear memory
)

// meter rewrites a WebAssembly module, so that what it does is counted and bounded.
//
// At the head of each loop, a global variable is counted down; at zero, the imported
// function ask is called, which may end the run by a panic. What copies or fills memory in
// one instruction counts by its length. wazero's own way, WithCloseOnContextDone, leaves
// the compiled code at each of these places, and made scripts five to ten times slower;
// this costs less than could be measured. And it counts the same on every machine.
//
// The memory, which the module imports, becomes its own, of a fixed number of pages, so
// that each instance has one. ask is the index of a function that takes and gives nothing.
func meter(module []byte, ask uint32, pages uint64) (metered []byte, err error) {
	defer func() {
		if r := recover(); r != nil { // the module ends in the middle of something
			err = fmt.Errorf("meter a module: %v", r)
		}
	}()
	if len(module) < 8 || string(module[:4]) != "\x00asm" {
		return nil, errors.New("meter a module: it is no WebAssembly")
	}
	out := append(make([]byte, 0, len(module)+len(module)/16), module[:8]...)
	section := func(id byte, content []byte) {
		out = binary.AppendUvarint(append(out, id), uint64(len(content)))
		out = append(out, content...)
	}
	r := &reader{module, 8}
	for r.at < len(module) {
		id := r.byte()
		content := r.bytes(int(r.number()))
		switch id {
		case sectionImport:
			section(id, withoutMemory(content))
		case sectionGlobal:
			limits := binary.AppendUvarint([]byte{1, 1}, pages)
			section(sectionMemory, binary.AppendUvarint(limits, pages))
			// Two more variables, 32 bits wide, that begin at zero: fuel, and a length.
			variable := []byte{0x7f, 1, 0x41, 0, 0x0b}
			section(id, appended(content, 2, append(variable, variable...)))
		case sectionExport:
			more := export(nil, exportStack, 3, 0)
			more = export(more, exportFuel, 3, fuelVariable)
			section(id, appended(content, 3, export(more, exportMemory, 2, 0)))
		case sectionCode:
			section(id, meterCode(content, ask))
		default:
			section(id, content)
		}
	}
	return out, nil
}

// Sections of a module, and variables: the engine has one of its own, the stack pointer.
const (
	sectionImport = 2
	sectionMemory = 5
	sectionGlobal = 6
	sectionExport = 7
	sectionCode   = 10

	fuelVariable   = 1
	lengthVariable = 2
)

// withoutMemory is an import section without its one memory.
func withoutMemory(content []byte) []byte {
	r := &reader{content, 0}
	count := r.number()
	kept := binary.AppendUvarint(nil, count-1)
	for range count {
		begin := r.at
		r.bytes(int(r.number()))
		r.bytes(int(r.number()))
		switch r.byte() {
		case 0: // a function
			r.number()
			kept = append(kept, content[begin:r.at]...)
		case 2: // a memory
			if r.byte()&1 != 0 {
				r.number()
			}
			r.number()
		default:
			panic("it imports something else than functions and memory")
		}
	}
	return kept
}

// appended is a section that is a list, with more items.
func appended(content []byte, n uint64, items []byte) []byte {
	r := &reader{content, 0}
	count := r.number()
	out := binary.AppendUvarint(nil, count+n)
	return append(append(out, content[r.at:]...), items...)
}

func export(to []byte, name string, kind, index byte) []byte {
	to = append(binary.AppendUvarint(to, uint64(len(name))), name...)
	return append(to, kind, index)
}

// Instructions, as far as they matter here.
const (
	opBlock, opLoop, opIf, opEnd = 0x02, 0x03, 0x04, 0x0b
	opCall                       = 0x10
	opGetVariable                = 0x23
	opSetVariable                = 0x24
	opConst                      = 0x41
	opLessOrEqual                = 0x4c
	opSubtract                   = 0x6b
	opShiftRight                 = 0x76
	opMore                       = 0xfc
	moreCopy, moreFill           = 10, 11
	blockWithoutValue            = 0x40
	bytesOfUnit                  = 6 // a unit of work is 2 to the power of this in bytes that are copied
)

func meterCode(content []byte, ask uint32) []byte {
	count := []byte{
		opGetVariable, fuelVariable, opConst, 1, opSubtract, opSetVariable, fuelVariable,
		opGetVariable, fuelVariable, opConst, 0, opLessOrEqual, opIf, blockWithoutValue, opCall,
	}
	count = append(binary.AppendUvarint(count, uint64(ask)), opEnd)
	// The length is on top of the stack, and stays there.
	countLength := []byte{
		opSetVariable, lengthVariable,
		opGetVariable, fuelVariable, opGetVariable, lengthVariable, opConst, bytesOfUnit, opShiftRight, opSubtract, opSetVariable, fuelVariable,
		opGetVariable, lengthVariable,
	}
	r := &reader{content, 0}
	functions := r.number()
	out := binary.AppendUvarint(nil, functions)
	var f []byte
	for range functions {
		end := int(r.number())
		end += r.at
		f = f[:0]
		copied := r.at
		for range r.number() { // groups of variables
			r.number()
			r.byte()
		}
		for r.at < end {
			begin := r.at
			switch op, more := r.instruction(); {
			case op == opLoop:
				f = append(append(f, content[copied:r.at]...), count...)
				copied = r.at
			case op == opMore && (more == moreCopy || more == moreFill):
				f = append(append(f, content[copied:begin]...), countLength...)
				copied = begin
			}
		}
		f = append(f, content[copied:end]...)
		out = binary.AppendUvarint(out, uint64(len(f)))
		out = append(out, f...)
	}
	return out
}

// reader reads a module's binary form. Beyond its end it panics.
type reader struct {
	b  []byte
	at int
}

func (r *reader) byte() byte { return r.bytes(1)[0] }

func (r *reader) bytes(n int) []byte {
	if n < 0 || n > len(r.b)-r.at {
		panic("it ends too early")
	}
	b := r.b[r.at : r.at+n]
	r.at += n
	return b
}

func (r *reader) number() uint64 {
	v, n := binary.Uvarint(r.b[r.at:])
	if n <= 0 {
		panic("a number does not end")
	}
	r.at += n
	return v
}

// skip passes over numbers, signed or not.
func (r *reader) skip(n uint64) {
	for range n {
		for r.byte() >= 0x80 {
		}
	}
}

// instruction passes over one with what belongs to it, and gives its code.
func (r *reader) instruction() (op byte, more uint64) {
	op = r.byte()
	switch {
	case op == opBlock, op == opLoop, op == opIf, op == 0x0c, op == 0x0d, op == opCall, op >= 0x20 && op <= 0x26, op == opConst, op == 0x42, op == 0xd2:
		r.skip(1)
	case op == 0x0e: // a jump by a table
		n := r.number()
		r.skip(n + 1)
	case op == 0x11, op >= 0x28 && op <= 0x3e: // a call by a table; loads and stores
		r.skip(2)
	case op == 0x1c:
		n := r.number()
		r.skip(n)
	case op == 0x3f, op == 0x40, op == 0xd0:
		r.byte()
	case op == 0x43:
		r.bytes(4)
	case op == 0x44:
		r.bytes(8)
	case op == opMore:
		more = r.number()
		switch {
		case more <= 7: // conversions
		case more == 8, more == moreCopy, more == 12, more == 14:
			r.skip(2)
		case more <= 17:
			r.skip(1)
		default:
			panic(fmt.Sprintf("an instruction 0xfc %d", more))
		}
	case op <= 0x01, op == 0x05, op == opEnd, op == 0x0f, op == 0x1a, op == 0x1b, op >= 0x45 && op <= 0xc4, op == 0xd1:
	default:
		panic(fmt.Sprintf("an instruction %#x", op))
	}
	return op, more
}
