package webhook

// SeqPerVersion leaves room for the events of one transaction in deliveries.seq.
const SeqPerVersion = 4096
