package main

// The canonical ABI of the Component Model for the two functions a shard exports and the one this shard imports,
// written by hand: Go's toolchain knows core modules only. Offsets follow the records of wit/ (a string or list is its
// address and its length, 4 bytes each; a case is one byte, its payload aligned after it).

import (
	"encoding/binary"
	"unsafe"
)

type tool struct {
	name, title, description, inputSchema, outputSchema string
}

// toolError is the variant `tool-error`: the case and its text.
type toolError struct {
	which uint8
	text  string
}

const (
	invalidArguments uint8 = iota
	notFound
	upstream
	refused
	internal
)

type request struct {
	method, url, credential string
}

type reply struct {
	status uint16
	body   []byte
}

// refusal is the enum `refusal`, in the order of the contract.
type refusal uint8

// upstream says whether the other side failed, as against a request that the host would not let out.
func (r refusal) upstream() bool {
	const busy, badReply = 5, 9
	return r >= busy && r <= badReply
}

// kept holds whatever the host may still read, so that the collector leaves it alone. Go does not move what it holds.
var kept [][]uint64

// allocate returns zeroed memory, aligned to 8, that lives until the call's results have been read.
func allocate(size uint32) []byte {
	words := make([]uint64, size/8+1)
	kept = append(kept, words)
	return unsafe.Slice((*byte)(unsafe.Pointer(&words[0])), size)
}

func address(memory []byte) uint32 {
	return uint32(uintptr(unsafe.Pointer(unsafe.SliceData(memory))))
}

// at is the memory the host has written to, which cabi_realloc handed out.
func at(pointer, length uint32) []byte {
	if length == 0 {
		return nil
	}
	return unsafe.Slice((*byte)(unsafe.Add(nil, pointer)), length)
}

func putWord(memory []byte, offset int, word uint32) {
	binary.LittleEndian.PutUint32(memory[offset:], word)
}

func word(memory []byte, offset int) uint32 {
	return binary.LittleEndian.Uint32(memory[offset:])
}

// putString copies the text, and puts its address and length.
func putString(memory []byte, offset int, text string) {
	bytes := allocate(uint32(len(text)))
	copy(bytes, text)
	putWord(memory, offset, address(bytes))
	putWord(memory, offset+4, uint32(len(text)))
}

//go:wasmexport cabi_realloc
func cabiRealloc(old, oldSize, align, size uint32) uint32 {
	if size == 0 {
		return align
	}
	memory := allocate(size)
	copy(memory, at(old, min(oldSize, size)))
	return address(memory)
}

//go:wasmexport nexus:shard/tools@0.1.0#list-tools
func listTools() uint32 {
	const size, category, annotations = 52, 44, 45
	list := allocate(size)
	putString(list, 0, countUsers.name)
	putString(list, 8, countUsers.title)
	putString(list, 16, countUsers.description)
	putString(list, 24, countUsers.inputSchema)
	list[32] = 1 // some
	putString(list, 36, countUsers.outputSchema)
	list[category] = 0      // read
	list[annotations] = 1   // read-only
	list[annotations+1] = 0 // destructive
	list[annotations+2] = 1 // idempotent
	list[annotations+3] = 1 // open-world

	result := allocate(8)
	putWord(result, 0, address(list))
	putWord(result, 4, 1)
	return address(result)
}

//go:wasmexport nexus:shard/tools@0.1.0#call-tool
func callTool(
	namePointer, nameLength, argumentsPointer, argumentsLength uint32,
	_, _ uint32, _ uint64, _, _, _, _, _, _, _ uint32, // the context: call-id, remaining-ms, settings, resumed
) uint32 {
	name := string(at(namePointer, nameLength))
	arguments := string(at(argumentsPointer, argumentsLength))

	result := allocate(40)
	if data, failure := call(name, arguments); failure == nil {
		result[0] = 0 // ok
		result[4] = 0 // done
		result[8] = 1 // some
		putString(result, 12, data)
		putWord(result, 20, 4) // no content blocks; the address of an empty list need only be aligned
		result[28] = 1         // complete
		putWord(result, 32, 4) // no notes
	} else {
		result[0] = 1
		result[4] = failure.which
		putString(result, 8, failure.text)
	}
	return address(result)
}

//go:wasmexport cabi_post_nexus:shard/tools@0.1.0#list-tools
func listToolsRead(uint32) { kept = nil }

//go:wasmexport cabi_post_nexus:shard/tools@0.1.0#call-tool
func callToolRead(uint32) { kept = nil }

//go:wasmimport nexus:shard/egress@0.1.0 send
//go:noescape
func egressSend(
	methodPointer, methodLength, urlPointer, urlLength, headersPointer, headersLength uint32,
	hasBody, bodyPointer, bodyLength, hasCredential, credentialPointer, credentialLength uint32,
	result uint32,
)

// send makes one request without headers and without a body.
func send(asked request) (reply, *refusal) {
	texts := allocate(24)
	putString(texts, 0, asked.method)
	putString(texts, 8, asked.url)
	putString(texts, 16, asked.credential)
	result := allocate(24)
	egressSend(word(texts, 0), word(texts, 4), word(texts, 8), word(texts, 12), 4, 0,
		0, 0, 0, 1, word(texts, 16), word(texts, 20), address(result))
	if result[0] != 0 {
		why := refusal(result[4])
		return reply{}, &why
	}
	return reply{
		status: binary.LittleEndian.Uint16(result[4:]),
		body:   at(word(result, 16), word(result, 20)),
	}, nil
}
