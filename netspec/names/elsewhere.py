"""Names that Keras, PyTorch, TensorFlow Lite and their users have for what a spec does not have.

Such a name is no slip for the nearest name of ours: `log_softmax` is not `softmax` and `smape` is not `mape`. So no fix
and no "did you mean" puts one in place of the other. Names are in lower case without `_`; a name that a spec has
too is passed over. Tests compare the lists with the installed Keras and with the schema of TensorFlow Lite.
"""

from __future__ import annotations


def _names(text: str) -> frozenset[str]:
    return frozenset(text.split())


def _ranks(text: str) -> frozenset[str]:
    """Return names in their forms for one, two and three axes: `conv#d` gives conv1d, conv2d and conv3d."""
    return frozenset(name.replace("#", rank) for name in text.split() for rank in "123")


ACTIVATIONS = _names("""
    aria celu clip crelu elish exp exponential geglu gelunew gelutanh glu hardelish hardshrink hardtanh
    heaviside isrlu isru lisht log logsigmoid logsoftmax maxout mish phish quickgelu reglu relu0to1 relun
    relun1to1 repu rrelu serf shrink sign signbit silglu smish snake softmin softminus softshrink softsign
    sparseplus sparsemax sparsesigmoid square squareplus squaredrelu sqrt squash srelu step swiglu tanhexp
    tanhshrink threshold thresholdedrelu
""")

LAYERS = (
    ACTIVATIONS
    | _names("relu6 linear identity activation activityregularization swish")
    | _ranks("""
        adaptiveaveragepooling#d adaptiveavgpool#d adaptiveavgpooling#d adaptivemaxpooling#d adaptivemaxpool#d
        alphadropout#d circularpad#d constantpad#d conv#d conv#dlstm conv#dtranspose convlstm#d deconv#d
        deformconv#d depthwiseconv#d depthwiseconv#dtranspose dilatedconv#d dropout#d dynamicconv#d dropblock#d
        featuredropout#d fold#d fractionalmaxpool#d globalminpool#d globalminpooling#d globalsumpooling#d
        globalstdpooling#d groupconv#d instancenorm#d instancenormalization#d lazyconv#d lppool#d lppooling#d
        l2pool#d l2pooling#d locallyconnected#d maskedconv#d maxunpool#d maxunpooling#d medianpool#d
        medianpooling#d minpool#d minpooling#d mixedpooling#d octaveconv#d partialconv#d pixelshuffle#d
        reflectionpad#d reflectionpadding#d replicationpad#d replicationpadding#d rootmeansquarepooling#d
        separableconv#d convolution#dtranspose separableconv#dtranspose spatialdropout#d
        stochasticpooling#d sumpool#d sumpooling#d symmetricpadding#d unfold#d unpooling#d upsampling#dtranspose
    """)
    | _names("""
        abs adaptivelogsoftmaxwithloss addn additiveattention alphadropout argmax argmin asstrided attention
        augmix autocontrast batchmatmul batchtospacend bilinear bucketize broadcastto cast categoryencoding ceil
        centercrop channelshuffle clamp clip compare concatembeddings cos cosinesimilarity crossattention
        cumprod cumsum cutmix depthtospace dequantize dilate discretization div divide dropblock dropconnect
        droppath einsum einsumdense embeddingbag embeddinglookup embeddinglookupsparse equal equalization
        expanddims fakequant featurealphadropout fill filterresponsenormalization floor floordiv floormod fold
        fractionalmaxpool fullyconnected gather gathernd gaussiandropout globalcontextattention greater
        greaterequal grayscale grn groupnorm groupnormalization groupqueryattention groupedqueryattention
        grucell hashedcrossing hashing highway inputlayer instancenorm instancenormalization integerlookup
        l1normalization l2normalization l2normalize lambda layerscale less lessequal localresponsenorm
        localresponsenormalization logical logistic logicaland logicalnot logicalor lrn lstmcell masking matmul
        matrixdiag mean melspectrogram mirrorpad mixup mod monotonicdense moments multinomial multiheadattention
        neg negate nonmaxsuppression norm notequal onehot pack pad pairwisedistance permutedims
        pixelnormalization pixelshuffle pixelunshuffle polarize positionembedding positionalencoding pow power
        powernormalization quantize randaugment randombrightness randomcolordegeneration randomcolorjitter
        randomcontrast randomcrop randomelastictransform randomerasing randomflip randomgaussianblur
        randomgrayscale randomheight randomhue randominvert randomnormal randomperspective randomposterization
        randomrotation randomsaturation randomsharpness randomshear randomtranslation randomuniform randomwidth
        randomzoom range realnvp reduceall reduceany reducemax reducemean reducemin reduceprod reducesum
        remainder repeatelements resize resizebilinear resizebicubic resizenearestneighbor resizing reverse
        reversibleembedding rfft2d rmsnorm rmsnormalization rnn rnncell roll rotaryembedding round rsqrt
        scaleddotproductattention scaling scatternd select selfattention shape sin skipgram slice solarization
        sort spacetobatchnd spacetodepth sparsetodense spectralnorm spectralnormalization split splitv
        squareddifference squeeze stack stackedrnncells std stftspectrogram stridedslice stringlookup sum svdf
        switchablenormalization swinattention syncbatchnorm textvectorization tile topk topkv2 transformer
        transformerdecoder transformerencoder transpose transposeconv truncatednormal trunc unflatten unfold
        unidirectionalsequencelstm unidirectionalsequencernn bidirectionalsequencelstm bidirectionalsequencernn
        unitnorm unitnormalization unpack unstack upsample upsamplingnearest2d upsamplingbilinear2d var
        weightnorm weightnormalization weightstandardization where zeroslike wrapper flaxlayer jaxlayer
        tfsmlayer torchmodulewrapper maxnumboundingboxes pipeline simplernncell
        contrastlimitedadaptivehistogramequalization
    """)
)

LOSSES = _names("""
    adaptivelogsoftmaxwithloss arcface barlowtwins bcewithlogits bcewithlogitsloss berhu
    binarycrossentropywithlogits bitempered bradleyterry categoricalgeneralizedcrossentropy cce charbonnier
    circle contrastive cosface cosineembedding cosineembeddingloss cosineproximity crossentropyloss ctc ctcloss
    dicece earthmover elbo energy focal focaldice focalloss focaltversky gaussiannll gaussiannllloss gdice
    generalizeddice generalizediou giou diou ciou hingeembedding hingeembeddingloss infonce iou jaccard
    jensenshannon js l1 l1loss l2 l2loss labelsmoothing lifted listnet logitcrossentropy logloss logcoshloss
    lovasz lovaszhinge mad mase mbd mbe meanbiaserror meanerror meanabsolutescalederror meansquarederrorlog
    meansquaredlogarithmicerrorroot medianabsoluteerror mpe mpd msd mssim multilabelmargin multilabelmarginloss
    multilabelsoftmarginloss multimargin multimarginloss mrae nll nllloss normalizedmeansquarederror npair nrmse
    ntxent pinball poissonnll poissonnllloss psnr quantile ranking rankingloss rmse rmsle rmsd
    rootmeansquarederror rootmeansquaredlogarithmicerror scce sigmoidfocalcrossentropy sisnr smape smoothl1
    smoothl1loss softmarginloss softplus sparsecategoricalfocalcrossentropy sparsefocal sparsemax sse ssim
    supcon symmetricmeanabsolutepercentageerror totalvariation triplet tripletmargin tripletmarginloss
    tripletmarginwithdistanceloss unhinged wape wasserstein weightedbinarycrossentropy
    weightedcategoricalcrossentropy weightedkappa wing wmape wmse yolo
""")

METRICS = LOSSES | _names("""
    adjustedrand ap auprc auroc averageprecision balancedaccuracy bleu brierscore calibrationerror cer
    cohenkappa cohenskappa confusionmatrix dcg dice equalerrorrate errorrate exactmatch explainedvariance
    f2score f05score fallout fdr fid fnr fowlkesmallows fpr gmean hammingloss hammingscore huber iou
    jaccardindex kappa kendalltau map matthews matthewscorrcoef matthewscorrelationcoefficient maxerror mcc mean
    meaniou meanaverageprecision meanrelativeerror meantensor mrr ndcg negativepredictivevalue npv onehotiou
    onehotmeaniou perplexity ppv prauc precisionatk precisionatrecall prcurve quadraticweightedkappa r2
    recallatk recallatprecision rocauc sensitivity sensitivityatspecificity smape spearman spearmancorrelation
    specificity specificityatsensitivity std sum tnr topkaccuracy tpr tversky wer youden zeroone zerooneloss
    binaryfocalcrossentropy categoricalfocalcrossentropy
""")

OPTIMIZERS = _names("""
    a2gradexp a2gradinc adabelief adabound adabatch adadamp adadelay adagradw adagraddecay adagraddualaveraging
    adahessian adai adalite adalomo adam8bit adamod adamp adams adamg adamini adan adanorm adapnm adaptiveadam
    adashift adasmooth adatam adax adaxw aggmo apollo asgd averagedsgd avagrad came conjugategradient cyclicsgd
    dadaptadagrad dadaptadam dadaptsgd diffgrad dualaveraging exadam fadam fista fromage ftml grams gradam
    gravity kfac lamb lars laprop lbfgs lion8bit lomo lookahead madgrad mars mechanic mini msvag nadamw nag nero
    nesterov newton novograd padam pid pnm prodigy proximaladagrad proximalgradientdescent qadam qhadam qhm
    radam radamw ranger ranger21 rangerqh rmsgrad rmspropw rprop sadam sam scalableshampoo schedulefreesgd
    schedulefreeadam schedulefreeradam sgdm sgdp sgdr sgdw sgdwm shampoo sm3 soap sophia sophiag sparseadam srmm
    stableadamw svrg swa swats tiger vsgd wadam yogi lossscaleoptimizer multioptimizer
""")

INITIALIZERS = _names("""
    arange bilinear complexorthogonal delta deltaorthogonal dirac eye fixup he glorot kaiming kaimingnormal
    kaiminguniform lecun linspace lsuv normal oneslike randn random randomgamma siren sparse stft truncnormal
    uniform unitnormal uniformunitscaling xavier xaviernormal xavieruniform identityinitializer
    orthogonalinitializer stftinitializer
""")
REGULARIZERS = _names("activity dropout elasticnet grouplasso jacobian l0 lasso maxnorm ridge spectral weightdecay")
CONSTRAINTS = _names(
    "minmax maxmin nonpos positive probability radial radialconstraint simplex spectralnorm stochastic"
)
PADDINGS = _names(
    "circular constant edge explicit full mirror reflect reflection replicate replication samelower sameupper symmetric"
    " wrap zeros"
)
INTERPOLATIONS = _names("area bicubic box gaussian lanczos3 lanczos5 linear mitchellcubic nearestexact trilinear")
RESIZES = _names("area gaussian hamming lanczos3 lanczos5 mitchellcubic linear cubic")
DTYPES = _names("bfloat16 bool complex64 float float8 float16 float64 half double int int4 int8 int16 int64 long short"
                " string uint8 uint16 uint32 uint64")  # fmt: skip
SCHEMES = _names("bfloat16 dynamic float16 float32 fp8 fp16 fp32 int2 int4 int16 int16x8 int32 none ternary uint8 w4a8")
FEATURES = _names("fbank chroma gammatone mel melspectrogram spectrogram raw lpc lfcc plp pncc stft waveform")
MERGE_MODES = _names("avg average max min none stack sub dot maximum minimum")
REDUCTIONS = _names("all any argmax argmin l1 l2 logsumexp median norm prod std sumsquare var variance")
LOADERS = _names("arrow avro hdf5 h5 json jsonl mat parquet pickle pt safetensors sqlite tfds tfrecord torch tsv"
                 " video webdataset xlsx zarr")  # fmt: skip

LAYER_KEYS = _names("""
    activation activationkwargs activityregularizer affine alpha alphaconstraint alphainitializer
    alpharegularizer antialias axes axis batchfirst batchinputshape batchshape batchsize betaconstraint
    betainitializer betaregularizer biasconstraint biasinitializer biasregularizer bidirectional ceilmode center
    countincludepad cropping dataformat depthmultiplier depthwiseconstraint depthwiseinitializer
    depthwiseregularizer dilation dilationrate dim dims divisoroverride dropout dropoutrate dtype
    elementwiseaffine embeddingdim embeddingsconstraint embeddingsinitializer embeddingsregularizer epsilon
    filters functional gammaconstraint gammainitializer gammaregularizer gobackwards groups hiddensize
    inchannels infeatures inplace inputdim inputlength inputshape inputsize interpolation keepdim keepdims
    keepprob kernelconstraint kernelinitializer kernelregularizer kernelsize l1 l2 lambd layer maskvalue
    maskzero maxnorm maxval maxvalue mean mergemode minval minvalue mode momentum movingmeaninitializer
    movingvarianceinitializer negativeslope noiseshape nonlinearity normalizedshape normtype numchannels
    numembeddings numfeatures numgroups numheads numlayers numparameters offset operation outchannels
    outfeatures outputdim outputpadding outputsize outputshape outputdims paddingidx paddingmode padding
    pointwiseconstraint pointwiseinitializer pointwiseregularizer poolsize projsize rate recurrentactivation
    recurrentconstraint recurrentdropout recurrentinitializer recurrentregularizer renorm renormclipping
    renormmomentum repeats resetafter returnindices returnsequences returnstate scale scalefactor
    scalegradbyfreq seed shape sharedaxes size sizes sparse stateful stddev stdev strides supportsmasking
    synchronized targetshape threshold timemajor trackrunningstats trainable transposed unflattenedsize
    unitforgetbias units unroll upscalefactor usebias usecudnn usescale value variance weight weights
    zerooutputformask loralpha lorarank loraalpha logitsoftcap autocast quantizationconfig fusedbatchnorm
    virtualbatchsize sparsity weightdecay stepsize times layers keydim valuedim numkeyvalueheads numqueryheads
""")
TRAIN_KEYS = _names("""
    augment augmentation autoscaleloss baseline callbacks checkpoint checkpoints classweight classweights
    clipnorm clipvalue cooldown crossvalidation decay distribute droplast earlystoppingpatience factor folds
    fromlogits gradientclipping gradientaccumulationsteps initialepoch jitcompile kfold labelsmoothing
    learningrate learningrateschedule loader lossweights lr lrschedule lrscheduler maxlr minlr maxqueuesize
    mixedprecision mixup momentum monitor normalize numworkers optimizers patience pinmemory pretrained
    quantizationaware qat restorebestweights runeagerly sampleweight sampleweights saveonly savebest scheduler
    shuffle startfromepoch steps stepsperepoch stepsperexecution testdata testsplit testsize trainsplit
    usemultiprocessing validationbatchsize validationdata validationfreq validationsteps validationset valdata
    valsplit verbose warmup warmupsteps weightdecay weightedmetrics workers x y
""")
EARLY_STOPPING_KEYS = _names("""
    baseline cooldown factor maxdelta minlr minepochs restorebestweights savebestonly startfromepoch threshold
    verbose warmup evaluationinterval metric
""")
QUANTIZE_KEYS = _names("""
    activations bias bits calibrationsteps dtype granularity inputdtype inputtype inferenceinputtype
    inferenceoutputtype mode observer optimizations outputdtype outputtype perchannel pertensor qat
    representativedataset seed symmetric types weights zeropoint averagingconstant averaging batches percentiles
""")
DATA_KEYS = _names("""
    batch batchsize cache classmode classnames classes colormode columns croptoaspectratio dataformat delimiter
    directory encoding features folder format header imagesize index interpolation label labelmode labels
    numclasses numsamples outputsequencelength padtoaspectratio ragged samplingrate scale seed separator sep
    shuffle size split subset targets targetsize test train transform usecols validation validationsplit weight
    xtrain ytrain dctcoefficientcount deltas hoplength nmels nmfcc nfft fmin fmax winlength windowsize
    windowstride preemphasis topdb power melhighhertz mellowhertz
""")
TARGET_KEYS = _names("""
    arch architecture architecturedir board chip clock clockspeed cmsisnn compiler cpu cycles device energy
    family fpu frequency heap hz latency linker mcu npu os platform power processor rom rtos sdk series simd soc
    speed sram stack toolchain tops vendor psram
""")
OPTIMIZER_ARGUMENTS = _names("""
    adambeta1 adambeta2 adamlrratio adamweightdecay alpha amsgrad beta beta1 beta2 beta2decay betas capturable
    centered clipthreshold dampening decay differentiable dynamicgrowthsteps epsilon1 epsilon2 etas
    excludeembeddings excludelayers foreach fused historysize initialaccumulatorvalue initialscale
    inneroptimizer l1regularizationstrength l2regularizationstrength l2shrinkageregularizationstrength lambd
    learningratepower lineseachfn linesearchfn lrdecay maximize maxeval maxiter momentum momentumdecay muona
    muonb muonc nesterov nssteps optimizermap relativestep rho rmsrate scaleparameter schedule stepsizes t0
    tolerancechange tolerancegrad warmupinit warmupsteps weightdecouple
""")

BY_KIND: dict[str, frozenset[str]] = {
    "layer": LAYERS,
    "activation": ACTIVATIONS,
    "loss": LOSSES,
    "metric": METRICS,
    "optimizer": OPTIMIZERS,
    "initializer": INITIALIZERS,
    "regularizer": REGULARIZERS,
    "constraint": CONSTRAINTS,
    "padding": PADDINGS,
    "interpolation": INTERPOLATIONS,
    "resize": RESIZES,
    "dtype": DTYPES,
    "scheme": SCHEMES,
    "features": FEATURES,
    "merge_mode": MERGE_MODES,
    "op": REDUCTIONS,
    "loader": LOADERS,
    "layer key": LAYER_KEYS,
    "train key": TRAIN_KEYS,
    "early_stopping key": EARLY_STOPPING_KEYS,
    "quantize key": QUANTIZE_KEYS,
    "data key": DATA_KEYS,
    "target key": TARGET_KEYS,
    "optimizer argument": OPTIMIZER_ARGUMENTS,
}
"""The names by what they name; the kinds are those of `netspec.names.meant`."""
