// A small data set of reviews, written here, and the recipe of a linear model on their terms.
const GOOD = ['wonderful', 'moving', 'brilliant', 'charming', 'a delight']
const BAD = ['dull', 'tedious', 'clumsy', 'a waste', 'forgettable']
const PARTS = ['story', 'cast', 'music', 'camera', 'ending', 'dialogue', 'pace']
const ROWS = 240

/// A CSV of texts with a label; some are a copy of another, some say one thing and are labelled the other.
export function reviews() {
  const lines = Array.from({ length: ROWS }, (_, at) => {
    const label = at % 2 ? 'good' : 'bad'
    const isOdd = at % 17 === 0
    const words = (label === 'good') !== isOdd ? GOOD : BAD
    const part = (step) => PARTS[(at * step + 3) % PARTS.length]
    const number = at % 40 === 39 ? 1 : at
    return `"The ${part(1)} is ${words[at % 5]}, the ${part(2)} ${words[(at + 2) % 5]}; seen in row ${number} with friends, and the ${part(3)} stays",${label}`
  })
  return Buffer.from(`text,label\n${lines.join('\n')}\n`)
}

export const MOOD = `dataset = "reviews"
task = "binary"
target = "label"
positive = "good"

[split]
method = "stratified"

[preprocessing.columns.text]
encode = "tfidf"

[algorithm]
name = "logistic_regression"
`

export const WORDS = `dataset = "reviews"
task = "embedding"
keep = ["text"]

[preprocessing.columns.text]
encode = "sequence"

[algorithm]
name = "skip_gram"
dimensions = 16
epochs = 10
`
