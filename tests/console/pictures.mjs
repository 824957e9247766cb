// A small data set of pictures, drawn here: PNG files of plain shapes in a zip with a folder per class; and the recipe of a
// network small enough to learn them while a test waits.
import { crc32, deflateSync } from 'node:zlib'

export const CLASSES = ['bar', 'disc', 'frame']
const SIDE = 16
const EACH = 24

/// The recipe of a network that tells these classes apart.
export const SHAPES = `dataset = "shapes"
task = "multiclass"
target = "label"
keep = ["image"]
seed = 7

[split]
method = "stratified"
validation = 0.2
test = 0.3

[preprocessing.columns.image]
encode = "image"
image = { width = ${SIDE}, height = ${SIDE}, colour = "grey" }

[algorithm]
name = "network"
epochs = 3
batch_size = 8
layers = [
    { kind = "conv2d", filters = 4, kernel = 3, activation = "relu" },
    { kind = "max_pool2d", size = 2 },
    { kind = "flatten" },
    { kind = "dense", units = ${CLASSES.length}, activation = "softmax" },
]
`

/// The same network, at it for longer than a test or a person watches.
export const endless = () => SHAPES.replace('epochs = 3', 'epochs = 100000')

/// One picture of a class, a little different for each number.
export function shape(label, number) {
  const [moved, light] = [(number % 5) - 2, 150 + ((number * 37) % 100)]
  const middle = SIDE / 2 + moved / 2
  const isIn = {
    bar: (x) => Math.abs(x - middle) < 2,
    disc: (x, y) => Math.hypot(x - middle, y - SIDE / 2) < 5,
    frame: (x, y) => Math.max(Math.abs(x - middle), Math.abs(y - SIDE / 2)) >= 4 && Math.max(Math.abs(x - middle), Math.abs(y - SIDE / 2)) < 6,
  }[label]
  return png(SIDE, SIDE, (x, y) => (isIn(x, y) ? light : (x * 5 + y * 3 + number) % 40))
}

/// A zip with a folder per class. One picture in six lies in the wrong folder, so that there are mistakes to be seen.
export function shapes() {
  const shown = (at, number) => shape(CLASSES[(at + (number % 6 === 5 ? 1 : 0)) % CLASSES.length], number)
  const numbers = Array.from({ length: EACH }, (_, number) => number)
  return zip(CLASSES.flatMap((label, at) => numbers.map((number) => [`${label}/${String(number).padStart(2, '0')}.png`, shown(at, number)])))
}

/// Two pictures, and two files that are left out of an import.
export function flawed() {
  const whole = shape('disc', 1)
  return zip([['disc/whole.png', whole], ['bar/whole.png', shape('bar', 1)], ['bar/short.png', whole.subarray(0, whole.length - 30)], ['disc/letter.png', Buffer.from('Dear reader')]])
}

/// A grey PNG.
export function png(width, height, light) {
  const rows = Buffer.alloc(height * (width + 1))
  for (let y = 0; y < height; y++) for (let x = 0; x < width; x++) rows[y * (width + 1) + 1 + x] = light(x, y)
  const head = Buffer.alloc(13)
  head.writeUInt32BE(width, 0)
  head.writeUInt32BE(height, 4)
  head.set([8, 0, 0, 0, 0], 8)
  const signature = Buffer.from([0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a])
  return Buffer.concat([signature, chunk('IHDR', head), chunk('IDAT', deflateSync(rows)), chunk('IEND', Buffer.alloc(0))])
}

function chunk(name, content) {
  const named = Buffer.concat([Buffer.from(name, 'latin1'), content])
  const [length, sum] = [Buffer.alloc(4), Buffer.alloc(4)]
  length.writeUInt32BE(content.length)
  sum.writeUInt32BE(crc32(named))
  return Buffer.concat([length, named, sum])
}

/// A zip whose files are stored as they are.
export function zip(files) {
  const parts = []
  const directory = []
  let offset = 0
  for (const [name, content] of files) {
    const path = Buffer.from(name, 'utf8')
    // Version, flags, method, time, date, sum, both lengths, the name's length, extra.
    const common = Buffer.alloc(26)
    common.writeUInt16LE(20, 0)
    common.writeUInt16LE(0x5c21, 8)
    common.writeUInt32LE(crc32(content), 10)
    common.writeUInt32LE(content.length, 14)
    common.writeUInt32LE(content.length, 18)
    common.writeUInt16LE(path.length, 22)
    const local = Buffer.concat([Buffer.from('PK\x03\x04', 'latin1'), common, path, content])
    const tail = Buffer.alloc(14)
    tail.writeUInt32LE(offset, 10)
    directory.push(Buffer.concat([Buffer.from('PK\x01\x02\x14\x00', 'latin1'), common, tail, path]))
    parts.push(local)
    offset += local.length
  }
  const list = Buffer.concat(directory)
  const end = Buffer.alloc(22)
  end.write('PK\x05\x06', 0, 'latin1')
  end.writeUInt16LE(files.length, 8)
  end.writeUInt16LE(files.length, 10)
  end.writeUInt32LE(list.length, 12)
  end.writeUInt32LE(offset, 16)
  return Buffer.concat([...parts, list, end])
}
