package script

import "bytes"

const (
	// engineStack is how large the engine's stack is in its memory. It lies between what
	// is there from the start and the heap.
	engineStack = 5 << 20
	// maxStack is how much of it scripts may use, and deepStack how much is cleared for
	// the next one: calls end a little beyond.
	maxStack  = 256 << 10
	deepStack = maxStack + 64<<10
	// block is the grain in which images are compared.
	block = 1 << 10
)

// image is what an instance's memory holds at one time: all that is not on the stack, or
// what of that differs from a base.
type image struct {
	base  *image
	parts []part
	// end is how far the heap reaches.
	end   uint32
	bytes int
	names addresses
	// fault is why there is nothing to run: a script that cannot be loaded.
	fault *Fault
}

type part struct {
	at    uint32
	bytes []byte
}

// regions are where memory is in use: what is there from the start, and the heap.
func (in *instance) regions(end uint32) [2][2]uint32 {
	return [2][2]uint32{{0, in.names.top - engineStack}, {in.names.top, end}}
}

// capture makes an image of the instance's memory, whose stack must be at rest.
func (in *instance) capture(base *image) *image {
	im := &image{base: base, end: in.reaches(), names: in.names}
	all, _ := in.memory.Read(0, im.end)
	for i, region := range in.regions(im.end) {
		if base == nil {
			im.parts = append(im.parts, part{region[0], bytes.Clone(all[region[0]:region[1]])})
			im.bytes += int(region[1] - region[0])
			continue
		}
		beneath := base.parts[i].bytes
		for at := region[0]; at < region[1]; at += block {
			b := all[at:min(at+block, region[1])]
			old := beneath[min(int(at-region[0]), len(beneath)):min(int(at-region[0])+len(b), len(beneath))]
			if !bytes.Equal(b, old) {
				im.add(at, b)
			}
		}
	}
	return im
}

// add adds what is at an address, which is behind all that was added before.
func (im *image) add(at uint32, b []byte) {
	im.bytes += len(b)
	if n := len(im.parts) - 1; n >= 0 && im.parts[n].at+uint32(len(im.parts[n].bytes)) == at {
		im.parts[n].bytes = append(im.parts[n].bytes, b...)
		return
	}
	im.parts = append(im.parts, part{at, bytes.Clone(b)})
}

// restore makes the instance's memory what it was when the image was captured.
func (in *instance) restore(im *image) {
	all, _ := in.memory.Read(0, in.memory.Size())
	base := im
	if im.base != nil {
		base = im.base
	}
	top := base.names.top
	clear(all[top-deepStack : top])
	if end := in.reaches(); end > base.end {
		clear(all[base.end:end])
	}
	for _, p := range base.parts {
		copy(all[p.at:], p.bytes)
	}
	if im != base {
		for _, p := range im.parts {
			copy(all[p.at:], p.bytes)
		}
	}
	in.names = im.names
	in.stack.Set(uint64(top))
}
