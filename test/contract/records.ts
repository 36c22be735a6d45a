// What a test says of an SQE and of a call, and what it hears of a CQE.

export interface Sqe {
  readonly op: number
  readonly fd?: number
  readonly off?: bigint | number
  readonly addr?: bigint | number
  readonly len?: number
  readonly opFlags?: number
  readonly flags?: number
  readonly ioprio?: number
  readonly group?: number
  readonly fileIndex?: number
  readonly personality?: number
  readonly id?: number
}

export interface Cqe {
  readonly id: number
  readonly res: number
  readonly more: boolean
  readonly buffer: number | undefined // the provided buffer it came in
  readonly notification?: true // the memory of a zero-copy send is free again
}

export interface Call {
  readonly op: number
  readonly fd?: number
  readonly a?: number
  readonly b?: number
  readonly c?: number
}
