// A small data set of pictures with boxes, drawn here: light discs and darker squares on dark ground, with COCO's annotations; and
// the recipe of a detector that learns to find them while a test waits.
import { png, zip } from './pictures.mjs'

export const THINGS = ['disc', 'square']
const [WIDTH, HEIGHT] = [64, 48]
const PICTURES = 72

export const FINDER = `dataset = "things"
task = "detection"
target = "boxes"
keep = ["image"]
seed = 3

[split]
method = "random"
validation = 0.15
test = 0.25

[detection]
score_threshold = 0.4

[preprocessing.columns.image]
image = { width = 64, height = 48, colour = "grey" }
augmentation = { horizontal_flip = true }

[algorithm]
name = "network"
epochs = 20
batch_size = 8
layers = [
    { kind = "conv2d", filters = 12, kernel = 3, stride = 2, padding = "same", bias = false },
    { kind = "batch_norm" },
    { kind = "activation", function = "relu" },
    { kind = "conv2d", filters = 16, kernel = 3, stride = 2, padding = "same", bias = false },
    { kind = "batch_norm" },
    { kind = "activation", function = "relu" },
    { kind = "conv2d", filters = 24, kernel = 3, padding = "same", bias = false },
    { kind = "batch_norm" },
    { kind = "activation", function = "relu" },
]
optimizer = { name = "adam", learning_rate = 0.01 }
`

/// A picture with a disc or a square in one half, or one of each; and its boxes.
export function scene(number) {
  const side = 15 + (number % 4) * 2
  const half = (at) => ({ label: THINGS[(number + at) % 2], box: [4 + 32 * at + ((number * 7) % 6), 3 + ((number * 11 + 5 * at) % (HEIGHT - side - 6)), side, side] })
  const boxes = number % 3 === 0 ? [half(0), half(1)] : [half(number % 2)]
  const isIn = ({ label, box: [left, top] }, x, y) => {
    const [across, down] = [x - left, y - top]
    if (across < 0 || down < 0 || across >= side || down >= side) return false
    return label === 'square' || Math.hypot(across + 0.5 - side / 2, down + 0.5 - side / 2) <= side / 2
  }
  const shade = { disc: 215, square: 130 }
  const light = (x, y) => {
    const one = boxes.find((one) => isIn(one, x, y))
    return one ? shade[one.label] + ((number * 13) % 35) : (x * 5 + y * 3 + number * 17) % 60
  }
  return { boxes, file: png(WIDTH, HEIGHT, light) }
}

/// A zip of pictures with their annotations.
export function things() {
  const scenes = Array.from({ length: PICTURES }, (_, number) => scene(number))
  const images = scenes.map((_, id) => ({ id, file_name: `${id}.png` }))
  const annotations = scenes.flatMap(({ boxes }, image_id) => boxes.map(({ label, box }) => ({ image_id, category_id: THINGS.indexOf(label), bbox: box })))
  const coco = JSON.stringify({ images, annotations, categories: THINGS.map((name, id) => ({ id, name })) })
  return zip([...scenes.map(({ file }, number) => [`${number}.png`, file]), ['annotations.json', Buffer.from(coco)]])
}
